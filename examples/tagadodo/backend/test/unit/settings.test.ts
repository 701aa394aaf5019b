import { describe, expect, test } from 'vitest';
import { Settings, SettingsError } from '../../src/settings.js';

const complete = {
  NODE_ENV: 'production',
  PORT: '3000',
  MONGO_URI: 'mongodb://user:hunter2@mongodb/tagadodo',
  REDIS_HOST: 'redis',
  REDIS_PORT: '6379',
  REDIS_PASSWORD: '',
  JWT_SECRET: 'an access secret of length',
  JWT_REFRESH_SECRET: 'a refresh secret of length',
};

function complaint(changes: Record<string, string | undefined>): string {
  try {
    new Settings({ ...complete, ...changes });
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as Error).message;
  }
}

describe('settings', () => {
  test('a complete environment is read, with every fault off', () => {
    const settings = new Settings(complete);
    expect(settings).toMatchObject({ port: 3000, version: '0.0.0-dev', shutdownSeconds: 8 });
    expect(settings.admin).toBeUndefined();
    expect(settings.faults).toEqual({
      neverReady: false,
      crashAfterSeconds: undefined,
      errorPercent: 0,
      latencyMs: 0,
      loseDatabaseAfterSeconds: undefined,
      afterSeconds: 0,
      aboveRate: 0,
      userAgent: '',
    });
  });

  test('all that is missing is named at once, in one line', () => {
    expect(complaint({ MONGO_URI: '', REDIS_PASSWORD: undefined, PORT: undefined })).toBe(
      'Environment: not set: PORT, MONGO_URI, REDIS_PASSWORD',
    );
  });

  test.each([
    [{ PORT: 'http' }, 'PORT must be a number from 0 to 65535'],
    [{ REDIS_PORT: '0' }, 'REDIS_PORT must be a number from 1 to 65535'],
    [{ MONGO_URI: 'postgres://user:hunter2@db' }, 'MONGO_URI must start with mongodb://'],
    [{ JWT_SECRET: 'hunter2' }, 'JWT_SECRET must have at least 16 characters'],
    [{ ADMIN_EMAIL: 'a@b.c' }, 'not set: ADMIN_PASSWORD'],
    [{ FAULT_ERROR_PERCENT: '101' }, 'FAULT_ERROR_PERCENT must be a number from 0 to 100'],
    [{ FAULT_NEVER_READY: 'perhaps' }, 'FAULT_NEVER_READY must be 0 or 1'],
  ])('%o is refused without telling the value', (changes, message) => {
    expect(complaint(changes)).toBe(`Environment: ${message}`);
    expect(complaint(changes)).not.toContain('hunter2');
  });

  test('a fault can make the version a lie', () => {
    const lie = { APP_VERSION: '1.1.0', FAULT_VERSION: '9.9.9' };
    expect(new Settings({ ...complete, ...lie }).version).toBe('9.9.9');
    expect(new Settings({ ...complete, ...lie, FAULT_VERSION: '' }).version).toBe('1.1.0');
  });
});
