import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';
import { Settings } from './settings.js';

const COMMAND_TIMEOUT_MS = 2_500;
const LONGEST_RETRY_MS = 2_000;

/** The connection to Redis. Commands fail at once while it is away; it comes back by itself. */
@Injectable()
export class Cache implements OnApplicationShutdown {
  readonly redis: Redis;
  private readonly logger = new Logger('Cache');

  constructor(settings: Settings) {
    this.redis = new Redis({
      ...settings.redis,
      connectionName: 'tagadodo-backend',
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: COMMAND_TIMEOUT_MS,
      retryStrategy: (attempt) => Math.min(attempt * 100, LONGEST_RETRY_MS),
    });
    let reported = '';
    this.redis.on('ready', () => {
      reported = '';
      this.logger.log('Connected');
    });
    this.redis.on('error', (error: Error) => {
      if (error.message !== reported)
        this.logger.warn(`Not connected, trying on: ${error.message}`);
      reported = error.message;
    });
  }

  async ping(): Promise<void> {
    await this.redis.ping();
  }

  /**
   * Reads a JSON value, or makes and keeps it for some seconds. A cache that is away
   * costs time, never an answer.
   */
  async remember<T>(key: string, seconds: number, make: () => Promise<T>): Promise<[T, boolean]> {
    const kept = await this.redis.get(key).catch(() => null);
    if (kept !== null) return [JSON.parse(kept) as T, true];
    const value = await make();
    await this.redis.set(key, JSON.stringify(value), 'EX', seconds).catch(() => undefined);
    return [value, false];
  }

  /** Counts up, and forgets the count some seconds after it was last asked. */
  async count(key: string, seconds: number): Promise<number> {
    const counted = await this.redis.incr(key);
    await this.redis.expire(key, seconds);
    return counted;
  }

  async forget(key: string): Promise<void> {
    await this.redis.del(key).catch(() => undefined);
  }

  onApplicationShutdown(): void {
    this.redis.disconnect();
  }
}
