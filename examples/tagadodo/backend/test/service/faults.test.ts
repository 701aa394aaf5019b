import { afterEach, expect, test } from 'vitest';
import { App, environment } from './app.js';

const env = environment('tagadodo_test_faults');
let app: App | undefined;
afterEach(async () => {
  await app?.stop();
});

test('FAULT_NEVER_READY: live, but never ready', async () => {
  app = await App.start({ ...env, FAULT_NEVER_READY: '1' }, { ready: false });
  expect(await app.get('/health/ready')).toMatchObject({
    status: 503,
    body: { version: '1.2.3', error: { fault: { message: 'FAULT_NEVER_READY' } } },
  });
  expect((await app.get('/health/live')).status).toBe(200);
});

test('FAULT_CRASH_AFTER: dies of an error', async () => {
  // Where a machine is busy, it does so before it answers.
  const crashing = App.spawn({ ...env, FAULT_CRASH_AFTER: '1' });
  expect(await crashing.exit).toBe(1);
  expect(crashing.output).toContain('FAULT_CRASH_AFTER');
});

test('FAULT_ERROR_PERCENT: the API fails, health does not', async () => {
  app = await App.start({ ...env, FAULT_ERROR_PERCENT: '100' });
  expect((await app.get('/version')).status).toBe(500);
  expect((await app.get('/health')).status).toBe(200);
});

test('FAULT_LATENCY_MS: the API is slow, health is not', async () => {
  app = await App.start({ ...env, FAULT_LATENCY_MS: '2000' });
  const slow = app.get('/version');
  const quick = app.get('/health/live');
  const first = await Promise.race([slow.then(() => 'version'), quick.then(() => 'health')]);
  expect(first).toBe('health');
  expect((await slow).status).toBe(200);
});

test('FAULT_VERSION: lies about its version everywhere', async () => {
  app = await App.start({ ...env, FAULT_VERSION: '9.9.9' });
  for (const path of ['/version', '/health', '/health/ready', '/health/live']) {
    expect((await app.get(path)).body.version).toBe('9.9.9');
  }
});

test('FAULT_LOSE_DATABASE_AFTER: ready at first, then for good no longer', async () => {
  app = await App.start({ ...env, FAULT_LOSE_DATABASE_AFTER: '5' });
  await app.untilStatus('/health/ready', 503);
  expect((await app.get('/health/ready')).body.error).toHaveProperty('database');
  expect((await app.get('/health/live')).status).toBe(200);
});
