import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { App, admin, databaseUri, environment, redis } from './app.js';

const DATABASE = 'tagadodo_test_api';
let app: App;
let token: { Authorization: string };

async function login(credentials: object = admin) {
  return app.post('/auth/login', credentials);
}

beforeAll(async () => {
  const connection = await mongoose.createConnection(databaseUri(DATABASE)).asPromise();
  await connection.dropDatabase();
  await connection.close();
  const cache = new Redis(redis);
  await cache.del('users:list:1');
  cache.disconnect();
  app = await App.start({ ...environment(DATABASE), CORS_ORIGINS: 'https://admin.tagadodo.com' });
  token = { Authorization: `Bearer ${(await login()).body.accessToken}` };
});

afterAll(() => app?.stop());

describe('login', () => {
  test('the administrator of the environment may log in', async () => {
    const { status, body } = await login();
    expect(status).toBe(200);
    expect(body).toEqual({
      accessToken: expect.any(String),
      refreshToken: expect.any(String),
      expiresIn: 900,
    });
  });

  test.each([
    [{ ...admin, password: 'wrong' }, 401],
    [{ ...admin, email: 'nobody@tagadodo.com' }, 401],
    [{ email: admin.email }, 400],
    [{ ...admin, email: { $ne: '' } }, 400],
    [{ ...admin, more: 1 }, 400],
  ])('%o answers %d', async (credentials, status) => {
    expect((await login(credentials)).status).toBe(status);
  });

  test('a refresh token gives a new pair, once', async () => {
    const { refreshToken } = (await login()).body;
    const renewed = await app.post('/auth/refresh', { refreshToken });
    expect(renewed.status).toBe(200);
    expect(renewed.body.refreshToken).not.toBe(refreshToken);
    expect((await app.post('/auth/refresh', { refreshToken })).status).toBe(401);
  });

  test('neither kind of token passes for the other', async () => {
    const { accessToken, refreshToken } = (await login()).body;
    const headers = { Authorization: `Bearer ${refreshToken}` };
    expect((await app.get('/users', headers)).status).toBe(401);
    expect((await app.post('/auth/refresh', { refreshToken: accessToken })).status).toBe(401);
  });
});

describe('users', () => {
  const ada = { email: 'Ada@Example.com', name: 'Ada', password: 'analytical engine' };

  test('are shown to nobody without a token', async () => {
    expect((await app.get('/users')).status).toBe(401);
    expect((await app.get('/users', { Authorization: 'Bearer nonsense' })).status).toBe(401);
  });

  test('are created active, listed, and never shown with their password', async () => {
    const created = await app.post('/users', ada, token);
    expect(created.status).toBe(201);
    expect(created.body).toEqual({
      id: expect.any(String),
      email: 'ada@example.com',
      name: 'Ada',
      status: 'active',
      createdAt: expect.any(String),
    });
    const { users } = (await app.get('/users', token)).body;
    expect(users).toContainEqual(created.body);
    expect(await app.post('/users', ada, token)).toMatchObject({ status: 409 });
  });

  test('are listed from the cache until one is added', async () => {
    const visit = async () => (await app.get('/users', token)).headers.get('X-Cache');
    await app.post('/users', { ...ada, email: 'grace@example.com' }, token);
    expect(await visit()).toBe('miss');
    expect(await visit()).toBe('hit');
    await app.post('/users', { ...ada, email: 'edsger@example.com' }, token);
    expect(await visit()).toBe('miss');
  });

  test('that are suspended may not log in', async () => {
    const suspended = { ...ada, email: 'mallory@example.com', status: 'suspended' };
    expect((await app.post('/users', suspended, token)).body.status).toBe('suspended');
    const { email, password } = suspended;
    expect((await login({ email, password })).status).toBe(401);
  });

  test.each([
    [{ ...ada, email: 'not an address' }, /email/],
    [{ ...ada, password: 'short' }, /password/],
    [{ ...ada, status: 'asleep' }, /status/],
    [{ ...ada, isAdmin: true }, /isAdmin/],
    [{}, /name/],
  ])('%o is refused with the reason', async (user, reason) => {
    const { status, body } = await app.post('/users', user, token);
    expect(status).toBe(400);
    expect(JSON.stringify(body.message)).toMatch(reason);
  });
});

test('the version is told to anybody, and to pages of the allowed origin', async () => {
  const origin = 'https://admin.tagadodo.com';
  const { body, headers } = await app.get('/version', { Origin: origin });
  expect(body).toEqual({ version: '1.2.3' });
  expect(headers.get('Access-Control-Allow-Origin')).toBe(origin);
});

test('the log is JSON lines without a secret in them', async () => {
  await login();
  for (const line of app.output.trim().split('\n')) {
    expect(JSON.parse(line)).toHaveProperty('message');
  }
  const env = environment(DATABASE);
  for (const secret of [env.JWT_SECRET, env.JWT_REFRESH_SECRET, admin.password, env.MONGO_URI]) {
    expect(app.output).not.toContain(secret);
  }
});

describe('visits', () => {
  test('are counted by id, so that a message sent twice shows', async () => {
    const id = `visit-${Date.now()}`;
    expect((await app.post('/visits', { id })).body).toEqual({
      id,
      version: '1.2.3',
      executions: 1,
    });
    expect((await app.post('/visits', { id })).body.executions).toBe(2);
  });

  test('without an id are refused', async () => {
    expect((await app.post('/visits', {})).status).toBe(400);
  });
});
