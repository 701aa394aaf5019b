import { setTimeout as sleep } from 'node:timers/promises';
import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import mongoose from 'mongoose';
import { Settings } from './settings.js';

const RETRY_MS = 1_000;
const SELECTION_TIMEOUT_MS = 2_500;

type Preparation = () => Promise<void>;

/**
 * The connection to MongoDB. The application starts without it and keeps trying; once
 * connected, the driver itself comes back from every interruption.
 */
@Injectable()
export class Database implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly connection = mongoose.createConnection();
  private readonly logger = new Logger('Database');
  private readonly preparations: Preparation[] = [];
  private prepared = false;
  private stopped = false;

  constructor(private readonly settings: Settings) {}

  /** Adds work to do on a fresh connection; the database counts as ready when all of it is done. */
  beforeReady(preparation: Preparation): void {
    this.preparations.push(preparation);
  }

  async ping(): Promise<void> {
    if (!this.prepared || this.connection.readyState !== mongoose.ConnectionStates.connected) {
      throw new Error('not connected');
    }
    await this.connection.db?.admin().ping();
  }

  onApplicationBootstrap(): void {
    this.connection.on('disconnected', () => {
      if (!this.stopped) this.logger.warn('Connection lost');
    });
    this.connection.on('reconnected', () => this.logger.log('Connection is back'));
    void this.connect();
    const { loseDatabaseAfterSeconds } = this.settings.faults;
    if (loseDatabaseAfterSeconds !== undefined) {
      setTimeout(() => {
        this.logger.warn('FAULT_LOSE_DATABASE_AFTER');
        void this.stop();
      }, loseDatabaseAfterSeconds * 1_000).unref();
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  private async connect(): Promise<void> {
    let reported = '';
    while (!this.stopped) {
      try {
        await this.connection.openUri(this.settings.mongoUri, {
          appName: `tagadodo-backend ${this.settings.version}`,
          serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS,
        });
        for (const prepare of this.preparations) await prepare();
        this.prepared = true;
        this.logger.log('Connected');
        return;
      } catch (error) {
        const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
        if (reason !== reported) this.logger.warn(`Not connected, trying on: ${reason}`);
        reported = reason;
        await sleep(RETRY_MS, undefined, { ref: false });
      }
    }
  }

  private async stop(): Promise<void> {
    this.stopped = true;
    await this.connection.close();
  }
}
