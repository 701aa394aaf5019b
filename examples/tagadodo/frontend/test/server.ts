import http from 'node:http';
import type { AddressInfo } from 'node:net';

type Handler = (body: Record<string, string>, authorization: string) => [number, object];

/** An HTTP server with answers of the API's shape; it keeps what it was asked. */
export class Server {
  readonly asked: string[] = [];
  private readonly server: http.Server;

  constructor(private readonly routes: Record<string, Handler>) {
    this.server = http.createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const name = `${request.method} ${request.url}`;
      const body = JSON.parse(Buffer.concat(chunks).toString() || '{}');
      response.setHeader('Access-Control-Allow-Origin', '*');
      response.setHeader('Access-Control-Allow-Headers', '*, Authorization');
      if (request.method === 'OPTIONS') return response.end();
      this.asked.push(name);
      const handler = this.routes[name] ?? (() => [404, { message: `Cannot ${name}` }]);
      const [status, answer] = handler(body, request.headers.authorization ?? '');
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(answer));
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
