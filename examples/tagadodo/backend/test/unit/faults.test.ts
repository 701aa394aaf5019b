import { expect, test } from 'vitest';
import { injectFaults } from '../../src/faults.js';
import type { Faults } from '../../src/settings.js';

let now = 0;

/** An application with faults, where the random number is 0.4: asks for a path, tells what came of it. */
function application(faults: Partial<Faults>): (path: string, agent?: string) => string {
  now = 0;
  const all = {
    errorPercent: 100,
    latencyMs: 0,
    afterSeconds: 0,
    aboveRate: 0,
    userAgent: '',
    ...faults,
  };
  const handle = injectFaults(
    all as Faults,
    () => 0.4,
    () => now,
  );
  return (path, agent) => {
    let result = 'nothing';
    const response = { status: (code: number) => ({ json: () => (result = String(code)) }) };
    handle(
      { path, get: () => agent } as never,
      response as never,
      (() => (result = 'answered')) as never,
    );
    return result;
  };
}

test.each([
  ['/users', 0, 'answered'],
  ['/users', 40, 'answered'],
  ['/users', 41, '500'],
  ['/healthy', 100, '500'],
  ['/health', 100, 'answered'],
  ['/health/ready', 100, 'answered'],
])('%s with %d %% of errors is %s', (path, errorPercent, expected) => {
  expect(application({ errorPercent })(path)).toBe(expected);
});

test('faults may begin late', () => {
  const ask = application({ afterSeconds: 180 });
  now = 179_999;
  expect(ask('/users')).toBe('answered');
  now = 180_000;
  expect(ask('/users')).toBe('500');
});

test('faults may need many requests in a second', () => {
  const ask = application({ aboveRate: 2 });
  const answers = [0, 100, 200, 1_150].map((at) => {
    now = at;
    return ask('/users');
  });
  expect(answers).toEqual(['answered', 'answered', '500', 'answered']);
});

test('faults may be for one kind of client', () => {
  const ask = application({ userAgent: 'scanner' });
  expect(['a scanner/1.0', 'a browser', undefined].map((agent) => ask('/users', agent))).toEqual([
    '500',
    'answered',
    'answered',
  ]);
});
