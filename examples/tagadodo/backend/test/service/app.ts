import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const { MONGO_URI, REDIS_HOST, REDIS_PORT = '6379', REDIS_PASSWORD = '' } = process.env;
if (!MONGO_URI || !REDIS_HOST) {
  throw new Error(
    'These tests ask a real MongoDB and Redis: set MONGO_URI and REDIS_HOST ' +
      '(and REDIS_PORT, REDIS_PASSWORD), or run only `npm run test:unit`',
  );
}

export const admin = { email: 'admin@tagadodo.com', password: 'correct horse battery' };
export const redis = { host: REDIS_HOST, port: Number(REDIS_PORT), password: REDIS_PASSWORD };

/** The address of a database of this name on the server that the tests were given. */
export function databaseUri(name: string): string {
  const uri = new URL(MONGO_URI as string);
  uri.pathname = `/${name}`;
  return uri.href;
}

export function environment(database: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    NODE_COMPILE_CACHE: 'node_modules/.cache/compiled',
    NODE_ENV: 'production',
    PORT: '0',
    MONGO_URI: databaseUri(database),
    REDIS_HOST: redis.host,
    REDIS_PORT: String(redis.port),
    REDIS_PASSWORD: redis.password,
    JWT_SECRET: 'an access secret that no log shows',
    JWT_REFRESH_SECRET: 'a refresh secret that no log shows',
    ADMIN_EMAIL: admin.email,
    ADMIN_PASSWORD: admin.password,
    APP_VERSION: '1.2.3',
  };
}

/** The real application, as its image starts it: `node dist/main.js`. */
export class App {
  output = '';
  port = 0;
  readonly exit: Promise<number | null>;
  private readonly process: ChildProcess;

  private constructor(env: Record<string, string>) {
    this.process = spawn(process.execPath, ['dist/main.js'], { env });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.exit = once(this.process, 'exit').then(([code]) => code);
  }

  static spawn(env: Record<string, string>): App {
    return new App(env);
  }

  /** Started, listening, and (unless told otherwise) ready. */
  static async start(env: Record<string, string>, { ready = true } = {}): Promise<App> {
    const app = new App(env);
    app.port = await eventually(() => Number(/listens on port (\d+)/.exec(app.output)?.[1] ?? 0));
    if (ready) await app.untilStatus('/health/ready', 200);
    return app;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get(path: string, headers = {}): Promise<Answer> {
    return this.request(path, { headers });
  }

  post(path: string, body: object, headers = {}): Promise<Answer> {
    return this.request(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'Content-Type': 'application/json', ...headers },
    });
  }

  async untilStatus(path: string, status: number): Promise<void> {
    await eventually(async () => (await this.get(path)).status === status);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.process.kill(signal);
    return this.exit;
  }

  private async request(path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(this.url + path, init);
    return { status: response.status, headers: response.headers, body: await response.json() };
  }
}

type Answer = {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what the body holds is what a test checks
  body: any;
};

/** Asks again until the answer is truthy. Where a machine is busy, an application takes 15 s to start. */
export async function eventually<T>(ask: () => T | Promise<T>, seconds = 30): Promise<T> {
  const deadline = performance.now() + seconds * 1_000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > deadline) throw new Error(`Not so after ${seconds} s: ${ask}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
