import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { WebSocket, WebSocketServer } from 'ws';
import { Settings } from '../settings.js';

const PATH = '/ws';
const GOING_AWAY = 1001;
const GOODBYE_MS = 2_000;
/** More often than a proxy gives up on a silent connection. */
const PING_MS = 25_000;
const MAX_MESSAGE_BYTES = 64 * 1024;

/** The websocket endpoint: names the version on connect, then sends back what it gets. */
@Injectable()
export class Echo implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
  });
  private readonly silent = new WeakSet<WebSocket>();

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): void {
    const server: Server = this.host.httpAdapter.getHttpServer();
    server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
    this.sockets.on('connection', (client) => this.greet(client));
    setInterval(() => this.ping(), PING_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    const goodbyes = [...this.sockets.clients].map((client) => sayGoodbye(client));
    this.sockets.close();
    await Promise.all(goodbyes);
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const [path] = (request.url ?? '').split('?');
    if (path === PATH) {
      this.sockets.handleUpgrade(request, socket, head, (client) =>
        this.sockets.emit('connection', client, request),
      );
    } else {
      socket.on('error', () => socket.destroy());
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    }
  }

  private greet(client: WebSocket): void {
    client.on('error', () => client.terminate());
    client.on('pong', () => this.silent.delete(client));
    client.on('message', (data, binary) => client.send(data, { binary }));
    client.send(JSON.stringify({ version: this.settings.version }));
  }

  private ping(): void {
    for (const client of this.sockets.clients) {
      if (this.silent.has(client)) client.terminate();
      this.silent.add(client);
      client.ping();
    }
  }
}

async function sayGoodbye(client: WebSocket): Promise<void> {
  if (client.readyState === WebSocket.CLOSED) return;
  const closed = new Promise((resolve) => client.once('close', resolve));
  const impatience = setTimeout(() => client.terminate(), GOODBYE_MS);
  client.close(GOING_AWAY, 'This instance is going away');
  await closed;
  clearTimeout(impatience);
}
