import { Injectable, Logger, ServiceUnavailableException } from '@nestjs/common';
import {
  DiskHealthIndicator,
  HealthCheckService,
  type HealthIndicatorFunction,
  type HealthIndicatorResult,
  HealthIndicatorService,
  MemoryHealthIndicator,
} from '@nestjs/terminus';
import { Cache } from '../cache.js';
import { Database } from '../database.js';
import { Settings } from '../settings.js';

const PING_TIMEOUT_MS = 3_000;
const HEAP_LIMIT_BYTES = 200 * 1024 * 1024;
const DISK_LIMIT = 0.9;

/** Every answer, good or bad, names the version that gives it. */
@Injectable()
export class HealthService {
  private readonly logger = new Logger('Health');
  private readonly lastStatus = new Map<string, string>();

  constructor(
    private readonly settings: Settings,
    private readonly checks: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly memory: MemoryHealthIndicator,
    private readonly disk: DiskHealthIndicator,
    private readonly database: Database,
    private readonly cache: Cache,
  ) {}

  live() {
    return { version: this.settings.version, status: 'ok' };
  }

  ready() {
    return this.report('ready', this.dependencies());
  }

  full() {
    return this.report('full', [
      ...this.dependencies(),
      () => this.memory.checkHeap('heap', HEAP_LIMIT_BYTES),
      () => this.disk.checkStorage('disk', { path: '/', thresholdPercent: DISK_LIMIT }),
    ]);
  }

  private dependencies(): HealthIndicatorFunction[] {
    const checks: HealthIndicatorFunction[] = [
      () => this.ping('database', this.database),
      () => this.ping('cache', this.cache),
    ];
    if (this.settings.faults.neverReady) {
      checks.push(() => this.indicators.check('fault').down('FAULT_NEVER_READY'));
    }
    return checks;
  }

  private async ping(
    name: string,
    dependency: { ping(): Promise<void> },
  ): Promise<HealthIndicatorResult> {
    const check = this.indicators.check(name).attempt(() => dependency.ping());
    return await check.withTimeout(PING_TIMEOUT_MS);
  }

  private async report(name: string, checks: HealthIndicatorFunction[]) {
    const { version } = this.settings;
    try {
      const result = await this.checks.check(checks);
      this.note(name, result.status);
      return { version, ...result };
    } catch (error) {
      if (!(error instanceof ServiceUnavailableException)) throw error;
      const result = error.getResponse() as { status: string; error?: object };
      this.note(name, `${result.status} (${Object.keys(result.error ?? {}).join(', ')})`);
      throw new ServiceUnavailableException({ version, ...result });
    }
  }

  /** Probes come every few seconds: only a change is worth a line. */
  private note(name: string, status: string): void {
    if (this.lastStatus.get(name) === status) return;
    this.lastStatus.set(name, status);
    this.logger.log(`${name}: ${status}`);
  }
}
