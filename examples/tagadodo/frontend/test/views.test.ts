import { afterEach, describe, expect, test, vi } from 'vitest';
import { Api } from '../src/api';
import { socketUrl } from '../src/live';
import { loginView } from '../src/views/login';
import { usersView } from '../src/views/users';
import { Server } from './server';

let server: Server | undefined;
afterEach(() => {
  server?.stop();
  sessionStorage.clear();
});

async function apiWith(routes: ConstructorParameters<typeof Server>[0]): Promise<Api> {
  server = new Server(routes);
  return new Api(await server.start());
}

function fill(view: HTMLElement, fields: Record<string, string>): void {
  for (const [name, value] of Object.entries(fields)) {
    const input = view.querySelector<HTMLInputElement>(`input[name=${name}]`);
    if (!input) throw new Error(`No field ${name}`);
    input.value = value;
  }
  view.querySelector('form')?.dispatchEvent(new Event('submit', { cancelable: true }));
}

/** Of a busy machine a second, which is Vitest's own patience, says nothing. */
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 30_000 });

const text = (view: HTMLElement, selector: string) => view.querySelector(selector)?.textContent;

describe('login', () => {
  test('goes on when the API agrees', async () => {
    const done = vi.fn();
    const api = await apiWith({
      'POST /auth/login': () => [200, { accessToken: 'a', refreshToken: 'r' }],
    });
    fill(loginView(api, done), { email: 'ada@example.com', password: 'right' });
    await eventually(() => expect(done).toHaveBeenCalledOnce());
  });

  test('shows why not, and can be tried again', async () => {
    const api = await apiWith({
      'POST /auth/login': () => [401, { message: 'Email or password is wrong' }],
    });
    const view = loginView(api, vi.fn());
    fill(view, { email: 'ada@example.com', password: 'wrong' });
    await eventually(() => expect(text(view, '.complaint')).toBe('Email or password is wrong'));
    await eventually(() => expect(view.querySelector('button')?.disabled).toBe(false));
  });
});

describe('users', () => {
  const mallory = {
    id: '1',
    email: 'mallory@example.com',
    name: '<img src=x onerror=alert(1)>',
    status: 'suspended',
    createdAt: '2026-01-02T03:04:05Z',
  };

  test('are listed with their status, as text whatever their name', async () => {
    const api = await apiWith({ 'GET /users': () => [200, { users: [mallory] }] });
    const view = usersView(api, vi.fn());
    await eventually(() => expect(text(view, 'tbody td')).toBe(mallory.name));
    expect(text(view, '.status.suspended')).toBe('suspended');
    expect(view.querySelector('img')).toBeNull();
  });

  test('that cannot be had say why; a lost session leads to the login', async () => {
    const leave = vi.fn();
    const down = await apiWith({ 'GET /users': () => [503, { message: 'No database' }] });
    const view = usersView(down, leave);
    await eventually(() => expect(text(view, '[role=alert]')).toBe('No database'));
    expect(leave).not.toHaveBeenCalled();
    server?.stop();

    usersView(await apiWith({ 'GET /users': () => [401, {}] }), leave);
    await eventually(() => expect(leave).toHaveBeenCalledOnce());
  });

  test('are listed anew when one is added', async () => {
    const users: object[] = [];
    const api = await apiWith({
      'GET /users': () => [200, { users: [...users] }],
      'POST /users': (user) => {
        users.push({ ...mallory, ...user });
        return [201, user];
      },
    });
    const view = usersView(api, vi.fn());
    fill(view, { name: 'Grace', email: 'grace@example.com', password: 'nanosecond' });
    await eventually(() => expect(text(view, 'tbody td')).toBe('Grace'));
    expect(view.querySelector<HTMLInputElement>('input[name=password]')?.value).toBe('');
  });
});

test.each([
  ['/api', 'https://admin.tagadodo.com/users', 'wss://admin.tagadodo.com/api/ws'],
  ['https://api.tagadodo.com', 'https://admin.tagadodo.com/', 'wss://api.tagadodo.com/ws'],
  ['', 'http://localhost:5173/', 'ws://localhost:5173/ws'],
])('the websocket of %s seen from %s is %s', (apiUrl, page, expected) => {
  expect(socketUrl(apiUrl, page)).toBe(expected);
});
