import { expect, test } from 'vitest';
import { injectFaults } from '../../src/faults.js';
import type { Faults } from '../../src/settings.js';

/** Asks for `path` with a random number of 0.4, and tells what came of it. */
function outcome(path: string, errorPercent: number): string {
  let result = 'nothing';
  const faults = { errorPercent, latencyMs: 0 } as Faults;
  const response = { status: (code: number) => ({ json: () => (result = String(code)) }) };
  injectFaults(faults, () => 0.4)(
    { path } as never,
    response as never,
    (() => (result = 'answered')) as never,
  );
  return result;
}

test.each([
  ['/users', 0, 'answered'],
  ['/users', 40, 'answered'],
  ['/users', 41, '500'],
  ['/healthy', 100, '500'],
  ['/health', 100, 'answered'],
  ['/health/ready', 100, 'answered'],
])('%s with %d %% of errors is %s', (path, errorPercent, expected) => {
  expect(outcome(path, errorPercent)).toBe(expected);
});
