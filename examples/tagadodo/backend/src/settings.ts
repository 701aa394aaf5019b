type Environment = Readonly<Record<string, string | undefined>>;

/** The environment is wrong; the message says everything that is, in one line. */
export class SettingsError extends Error {}

/** What a test can break on purpose. All of it is off unless the environment asks. */
export class Faults {
  readonly neverReady: boolean;
  readonly crashAfterSeconds: number | undefined;
  readonly errorPercent: number;
  readonly latencyMs: number;
  readonly loseDatabaseAfterSeconds: number | undefined;
  /** Errors and latency begin this many seconds after the start. */
  readonly afterSeconds: number;
  /** Errors and latency are there only while more requests a second than this come in. */
  readonly aboveRate: number;
  /** Errors and latency are for clients alone whose user agent has this in it. */
  readonly userAgent: string;

  constructor(reader: Reader) {
    this.neverReady = reader.flag('FAULT_NEVER_READY');
    this.crashAfterSeconds = reader.number('FAULT_CRASH_AFTER', { max: 86_400 });
    this.errorPercent = reader.number('FAULT_ERROR_PERCENT', { max: 100 }) ?? 0;
    this.latencyMs = reader.number('FAULT_LATENCY_MS', { max: 600_000 }) ?? 0;
    this.loseDatabaseAfterSeconds = reader.number('FAULT_LOSE_DATABASE_AFTER', { max: 86_400 });
    this.afterSeconds = reader.number('FAULT_AFTER', { max: 86_400 }) ?? 0;
    this.aboveRate = reader.number('FAULT_ABOVE_RATE', { max: 1_000_000 }) ?? 0;
    this.userAgent = reader.optional('FAULT_USER_AGENT');
  }
}

/** Everything the application takes from its environment, read once and checked at start. */
export class Settings {
  readonly production: boolean;
  readonly port: number;
  readonly version: string;
  readonly mongoUri: string;
  readonly redis: { readonly host: string; readonly port: number; readonly password: string };
  readonly jwtSecret: string;
  readonly jwtRefreshSecret: string;
  readonly admin: { readonly email: string; readonly password: string } | undefined;
  readonly corsOrigins: readonly string[];
  readonly shutdownSeconds: number;
  readonly faults: Faults;

  constructor(environment: Environment) {
    const reader = new Reader(environment);
    this.production = reader.text('NODE_ENV') === 'production';
    this.port = reader.number('PORT', { max: 65_535, required: true }) ?? 0;
    this.version = environment.FAULT_VERSION || environment.APP_VERSION || '0.0.0-dev';
    this.mongoUri = reader.text(
      'MONGO_URI',
      /^mongodb(\+srv)?:\/\/./,
      'must start with mongodb://',
    );
    this.redis = {
      host: reader.text('REDIS_HOST'),
      port: reader.number('REDIS_PORT', { min: 1, max: 65_535, required: true }) ?? 0,
      password: reader.given('REDIS_PASSWORD'),
    };
    this.jwtSecret = reader.secret('JWT_SECRET');
    this.jwtRefreshSecret = reader.secret('JWT_REFRESH_SECRET');
    this.admin =
      environment.ADMIN_EMAIL || environment.ADMIN_PASSWORD
        ? { email: reader.text('ADMIN_EMAIL'), password: reader.text('ADMIN_PASSWORD') }
        : undefined;
    this.corsOrigins = (environment.CORS_ORIGINS ?? '').split(/[\s,]+/).filter(Boolean);
    this.shutdownSeconds = reader.number('SHUTDOWN_SECONDS', { max: 3600 }) ?? 8;
    this.faults = new Faults(reader);
    reader.finish();
  }
}

/** Reads variables and gathers what is wrong with them, so that one start tells it all. */
class Reader {
  private readonly missing: string[] = [];
  private readonly wrong: string[] = [];

  constructor(private readonly environment: Environment) {}

  /** A variable that must be set, but may be empty. */
  given(name: string): string {
    const value = this.environment[name];
    if (value === undefined) this.missing.push(name);
    return value ?? '';
  }

  /** A variable that nobody has to set. */
  optional(name: string): string {
    return this.environment[name] ?? '';
  }

  text(name: string, pattern = /./, rule = ''): string {
    const value = this.environment[name] ?? '';
    if (!value) this.missing.push(name);
    else if (!pattern.test(value)) this.wrong.push(`${name} ${rule}`);
    return value;
  }

  secret(name: string): string {
    return this.text(name, /^.{16,}$/, 'must have at least 16 characters');
  }

  number(
    name: string,
    { min = 0, max, required = false }: { min?: number; max: number; required?: boolean },
  ): number | undefined {
    const value = this.environment[name] ?? '';
    if (!value) {
      if (required) this.missing.push(name);
      return undefined;
    }
    const number = Number(value);
    if (!(number >= min && number <= max)) {
      this.wrong.push(`${name} must be a number from ${min} to ${max}`);
    }
    return number;
  }

  flag(name: string): boolean {
    const value = this.environment[name] ?? '';
    if (!/^(|0|1|true|false)$/.test(value)) this.wrong.push(`${name} must be 0 or 1`);
    return value === '1' || value === 'true';
  }

  finish(): void {
    const complaints = [...this.wrong];
    if (this.missing.length > 0) complaints.unshift(`not set: ${this.missing.join(', ')}`);
    if (complaints.length > 0) throw new SettingsError(`Environment: ${complaints.join('; ')}`);
  }
}
