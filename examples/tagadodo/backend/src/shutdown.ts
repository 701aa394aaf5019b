import type { Server, ServerResponse } from 'node:http';
import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Settings } from './settings.js';

const SWEEP_MS = 50;

/**
 * Lets the HTTP server end well. Node closes connections that are idle when the server is
 * closed, but one that is still answering would then stay open for the whole keep-alive time.
 * So answers under way tell their client to close, and connections gone idle are swept.
 */
@Injectable()
export class GracefulShutdown implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Shutdown');
  private readonly running = new Set<ServerResponse>();
  private draining = false;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): void {
    this.server().prependListener('request', (_request, response) => {
      if (this.draining) response.setHeader('Connection', 'close');
      this.running.add(response);
      response.once('close', () => this.running.delete(response));
    });
  }

  beforeApplicationShutdown(signal?: string): void {
    this.logger.log(`${signal ?? 'Close'}: ${this.running.size} requests to finish`);
    this.draining = true;
    for (const response of this.running) {
      if (!response.headersSent) response.setHeader('Connection', 'close');
    }
    setInterval(() => this.server().closeIdleConnections(), SWEEP_MS).unref();
    setTimeout(() => this.giveUp(), this.settings.shutdownSeconds * 1_000).unref();
  }

  private giveUp(): void {
    this.logger.warn(`${this.running.size} requests cut after ${this.settings.shutdownSeconds} s`);
    this.server().closeAllConnections();
  }

  private server(): Server {
    return this.host.httpAdapter.getHttpServer();
  }
}
