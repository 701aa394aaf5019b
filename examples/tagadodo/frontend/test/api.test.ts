import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Api, ApiError } from '../src/api';
import { Server } from './server';

const ada = { id: '1', email: 'ada@example.com', name: 'Ada', status: 'active', createdAt: '' };
let generation: number;
let server: Server;
let api: Api;

/** Tokens come in generations; only those of the present one are good. */
const tokens = () => ({
  accessToken: `access-${generation}`,
  refreshToken: `refresh-${generation}`,
});

beforeEach(async () => {
  generation = 1;
  sessionStorage.clear();
  server = new Server({
    'POST /auth/login': ({ password }) =>
      password === 'right'
        ? [200, tokens()]
        : [401, { statusCode: 401, message: 'Email or password is wrong' }],
    'POST /auth/refresh': ({ refreshToken }) => {
      if (refreshToken !== `refresh-${generation}`) return [401, { message: 'spent' }];
      generation += 1;
      return [200, tokens()];
    },
    'GET /users': (_, authorization) =>
      authorization === `Bearer access-${generation}`
        ? [200, { users: [ada] }]
        : [401, { message: 'Token is not valid' }],
    'POST /users': () => [400, { message: ['email: is not one', 'name: too long'] }],
  });
  api = new Api(await server.start());
});
afterEach(() => server.stop());

describe('the API client', () => {
  test('logs in, lists users, logs out', async () => {
    expect(api.loggedIn).toBe(false);
    await api.login('ada@example.com', 'right');
    expect(api.loggedIn).toBe(true);
    expect(await api.users()).toEqual([ada]);
    api.logout();
    expect(api.loggedIn).toBe(false);
  });

  test('tells what the API says is wrong', async () => {
    const complaint = new ApiError(401, 'Email or password is wrong');
    await expect(api.login('ada@example.com', 'wrong')).rejects.toEqual(complaint);
    await api.login('ada@example.com', 'right');
    const user = { email: '', name: '', password: '' };
    await expect(api.addUser(user)).rejects.toThrow('email: is not one, name: too long');
  });

  test('renews an access token that has run out, once for all who wait', async () => {
    await api.login('ada@example.com', 'right');
    sessionStorage.setItem('refreshToken', 'refresh-2');
    generation = 2;
    expect(await Promise.all([api.users(), api.users()])).toEqual([[ada], [ada]]);
    expect(server.asked.filter((name) => name === 'POST /auth/refresh')).toHaveLength(1);
  });

  test('goes on after a reload of the page', async () => {
    await api.login('ada@example.com', 'right');
    expect(await new Api(api.url).users()).toEqual([ada]);
  });

  test('is logged out when it cannot be renewed', async () => {
    await api.login('ada@example.com', 'right');
    generation = 5;
    await expect(api.users()).rejects.toMatchObject({ status: 401 });
    expect(api.loggedIn).toBe(false);
  });

  test('says so when nobody answers, and stays logged in', async () => {
    await api.login('ada@example.com', 'right');
    server.stop();
    await expect(api.users()).rejects.toThrow('The API cannot be reached');
    expect(api.loggedIn).toBe(true);
  });
});
