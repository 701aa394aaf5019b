const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

/** Where the websocket of an API is; `apiUrl` may be relative to the page. */
export function socketUrl(apiUrl: string, page: string): string {
  const url = new URL(`${apiUrl}/ws`, page);
  url.protocol = url.protocol.replace('http', 'ws');
  return url.href;
}

/**
 * Stays connected to the API, which names its version on every connection: a release is seen
 * on the page the moment the old one says goodbye. `undefined` means not connected.
 */
export function watchVersion(url: string, tell: (version: string | undefined) => void): void {
  let retryMs = FIRST_RETRY_MS;
  const connect = () => {
    const socket = new WebSocket(url);
    socket.addEventListener('message', ({ data }) => {
      retryMs = FIRST_RETRY_MS;
      tell((JSON.parse(data) as { version: string }).version);
    });
    socket.addEventListener('close', () => {
      tell(undefined);
      setTimeout(connect, retryMs);
      retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
    });
  };
  connect();
}
