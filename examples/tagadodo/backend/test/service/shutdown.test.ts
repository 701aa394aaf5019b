import { once } from 'node:events';
import http from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { App, environment, eventually } from './app.js';

const env = environment('tagadodo_test_shutdown');
let app: App | undefined;
afterEach(async () => {
  await app?.stop();
});

function openSocket(path = '/ws'): Promise<{ socket: WebSocket; received: string[] }> {
  const received: string[] = [];
  const socket = new WebSocket(`ws://127.0.0.1:${app?.port}${path}`);
  socket.on('message', (data) => received.push(String(data)));
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve({ socket, received }));
    socket.on('error', reject);
  });
}

function get(agent: http.Agent, path: string): Promise<http.IncomingMessage> {
  return send(agent, path).answer;
}

/** A request that says when the application has it: that answers 100 to whoever expects it. */
function send(agent: http.Agent, path: string) {
  const headers = { Expect: '100-continue' };
  const request = http.get({ host: '127.0.0.1', port: app?.port, path, agent, headers });
  const answer = new Promise<http.IncomingMessage>((resolve, reject) => {
    request
      .on('response', (response) => response.resume().on('end', () => resolve(response)))
      .on('error', reject);
  });
  return { answer, taken: once(request, 'continue') };
}

test('a websocket is told the version, then hears itself', async () => {
  app = await App.start(env);
  const { socket, received } = await openSocket();
  socket.send('hello');
  await eventually(() => received.length === 2);
  expect(received).toEqual(['{"version":"1.2.3"}', 'hello']);
  socket.close();
  for (const path of ['/elsewhere', '//', '/%']) {
    await expect(openSocket(path)).rejects.toThrow('404');
  }
});

test('SIGTERM finishes what runs, says goodbye, closes the rest and exits 0 at once', async () => {
  // Were anything waited for but the request that runs, the test's own time would be up.
  app = await App.start({ ...env, FAULT_LATENCY_MS: '600', SHUTDOWN_SECONDS: '300' });
  const agent = new http.Agent({ keepAlive: true });
  await get(agent, '/health/live');
  const idle = await get(agent, '/health/live');
  expect(idle.headers['keep-alive']).toBe('timeout=65');

  const { socket } = await openSocket();
  const goodbye = new Promise<number>((resolve) => socket.on('close', resolve));
  const running = send(new http.Agent({ keepAlive: true }), '/version');
  await running.taken;

  const exit = app.stop();
  const answer = await running.answer;
  expect(answer.statusCode).toBe(200);
  expect(answer.headers.connection).toBe('close');
  expect(await goodbye).toBe(1001);
  expect(await exit).toBe(0);
});

test('a request that never ends is cut when the time is up', async () => {
  app = await App.start({ ...env, FAULT_LATENCY_MS: '60000', SHUTDOWN_SECONDS: '1' });
  const endless = send(new http.Agent(), '/version');
  const cut = endless.answer.catch((error: Error) => error.message);
  await endless.taken;
  expect(await app.stop()).toBe(0);
  expect(await cut).toBe('socket hang up');
});
