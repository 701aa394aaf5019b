import { afterEach, describe, expect, test } from 'vitest';
import { App, databaseUri, environment, redis } from './app.js';
import { Gate } from './gate.js';

const env = environment('tagadodo_test_health');
const database = new URL(databaseUri('tagadodo_test_health'));
const NOWHERE = 'mongodb://127.0.0.1:9/tagadodo';

let app: App | undefined;
afterEach(async () => {
  await app?.stop();
});

function throughGate(port: number): string {
  const uri = new URL(database);
  uri.host = `127.0.0.1:${port}`;
  uri.searchParams.set('directConnection', 'true');
  return uri.href;
}

test('all is well: every check is up, and every answer names the version', async () => {
  app = await App.start(env);
  const full = await app.get('/health');
  expect(full.status).toBe(200);
  expect(Object.keys(full.body.details)).toEqual(['database', 'cache', 'heap', 'disk']);
  const ready = await app.get('/health/ready');
  expect(Object.keys(ready.body.details)).toEqual(['database', 'cache']);
  for (const path of ['/health', '/health/ready', '/health/live']) {
    const { status, body, headers } = await app.get(path);
    expect([path, status, body.status, body.version]).toEqual([path, 200, 'ok', '1.2.3']);
    expect(headers.get('Cache-Control')).toBe('no-store');
  }
});

describe('without a database at start', () => {
  test('the application is live, not ready, and says why', async () => {
    app = await App.start({ ...env, MONGO_URI: NOWHERE }, { ready: false });
    expect(await app.get('/health/live')).toMatchObject({
      status: 200,
      body: { version: '1.2.3', status: 'ok' },
    });
    for (const path of ['/health', '/health/ready']) {
      expect(await app.get(path)).toMatchObject({
        status: 503,
        body: { version: '1.2.3', status: 'error', error: { database: { status: 'down' } } },
      });
    }
    const credentials = { email: 'a@example.com', password: 'irrelevant' };
    expect((await app.post('/auth/login', credentials)).status).toBe(503);
  });

  test('it becomes ready when the database comes', async () => {
    const gate = new Gate(database.hostname, Number(database.port || 27_017));
    const port = await gate.open();
    await gate.shut();
    app = await App.start({ ...env, MONGO_URI: throughGate(port) }, { ready: false });
    expect((await app.get('/health/ready')).status).toBe(503);
    await gate.open();
    await app.untilStatus('/health/ready', 200);
    await app.stop();
    await gate.shut();
  });
});

test('a database that goes away and comes back takes readiness with it, never liveness', async () => {
  const gate = new Gate(database.hostname, Number(database.port || 27_017));
  app = await App.start({ ...env, MONGO_URI: throughGate(await gate.open()) });
  await gate.shut();
  await app.untilStatus('/health/ready', 503);
  expect((await app.get('/health/live')).status).toBe(200);
  await gate.open();
  await app.untilStatus('/health/ready', 200);
  await app.stop();
  await gate.shut();
});

test('so does a cache', async () => {
  const gate = new Gate(redis.host, redis.port);
  const through = { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(await gate.open()) };
  app = await App.start({ ...env, ...through });
  await gate.shut();
  await app.untilStatus('/health/ready', 503);
  expect((await app.get('/health/ready')).body.error).toHaveProperty('cache');
  expect((await app.get('/health/live')).status).toBe(200);
  await gate.open();
  await app.untilStatus('/health/ready', 200);
  await app.stop();
  await gate.shut();
});

test('an incomplete environment ends the start with one line that names it all', async () => {
  const { JWT_SECRET: _, REDIS_HOST: __, ...incomplete } = env;
  app = App.spawn(incomplete);
  expect(await app.exit).toBe(1);
  const lines = app.output.trim().split('\n');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] as string)).toMatchObject({
    level: 'fatal',
    message: 'Environment: not set: REDIS_HOST, JWT_SECRET',
  });
  app = undefined;
});
