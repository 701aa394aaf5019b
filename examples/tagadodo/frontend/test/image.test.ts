// @vitest-environment node
import { expect, test } from 'vitest';

const { FRONTEND_URL } = process.env;
if (!FRONTEND_URL) throw new Error('Set FRONTEND_URL to where a container of the image answers');

const get = (path: string, headers = {}) => fetch(FRONTEND_URL + path, { headers });
const caching = (response: Response) => response.headers.get('Cache-Control');

async function asset(): Promise<string> {
  const page = await (await get('/')).text();
  return /\/assets\/[^"]+\.js/.exec(page)?.[0] ?? 'no asset in the page';
}

test.each(['/', '/users', '/deep/route'])('%s is the page, never stale', async (path) => {
  const response = await get(path);
  expect([response.status, caching(response)]).toEqual([200, 'no-cache']);
  expect(response.headers.get('Content-Type')).toBe('text/html');
});

test('an asset is kept for ever and comes compressed', async () => {
  const response = await get(await asset(), { 'Accept-Encoding': 'gzip' });
  expect([response.status, caching(response)]).toEqual([
    200,
    'public, max-age=31536000, immutable',
  ]);
  expect(response.headers.get('Content-Encoding')).toBe('gzip');
});

test('an asset that is not there is a 404 that nobody keeps', async () => {
  const response = await get('/assets/index-00000000.js');
  expect([response.status, caching(response)]).toEqual([404, null]);
});

test('health and page name the same version', async () => {
  const page = await (await get('/')).text();
  const version = /name="version" content="([^"]+)"/.exec(page)?.[1];
  for (const path of ['/health', '/health/ready', '/health/live']) {
    const response = await get(path);
    expect(response.headers.get('Content-Type')).toBe('application/json');
    expect(await response.json()).toEqual({ status: 'ok', version });
  }
});

test('the configuration names the API and is not kept', async () => {
  const response = await get('/config.json');
  expect(caching(response)).toBe('no-store');
  expect(await response.json()).toEqual({ apiUrl: expect.any(String) });
});
