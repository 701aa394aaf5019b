import { execFile } from 'node:child_process';
import mongoose, { type Connection } from 'mongoose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Migration } from '../../src/migrations/migration.js';
import { MigrationRunner } from '../../src/migrations/runner.js';
import { databaseUri } from './app.js';

const URI = databaseUri('tagadodo_test_migrations');
const FIRST = '001-add-user-status';
let connection: Connection;

beforeAll(async () => {
  connection = await mongoose.createConnection(URI).asPromise();
});
beforeEach(() => connection.dropDatabase());
afterAll(() => connection.close());

type Result = { code: number; stdout: string; stderr: string };

function cli(args: string[], uri = URI): Promise<Result> {
  const env = { PATH: process.env.PATH, MONGO_URI: uri };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['dist/migrations/cli.js', ...args],
      { env },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

async function told(...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await cli(args);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

describe('the command', () => {
  test('applies, tells and reverts, and does nothing twice', async () => {
    const before = { migrations: [{ name: FIRST, applied: false, appliedAt: null }] };
    expect(await told('status')).toEqual(before);
    expect(await told('run')).toEqual({ applied: [FIRST] });
    expect(await told('run')).toEqual({ applied: [] });
    expect(await told('status')).toEqual({
      migrations: [{ name: FIRST, applied: true, appliedAt: expect.stringMatching(/Z$/) }],
    });
    expect(await told('revert', FIRST)).toEqual({ reverted: [FIRST] });
    expect(await told('revert', FIRST)).toEqual({ reverted: [] });
    expect(await told('revert')).toEqual({ reverted: [] });
    expect(await told('status')).toEqual(before);
  });

  test.each([
    [[], 'usage'],
    [['up'], 'usage'],
    [['status', 'now'], 'usage'],
    [['revert', '002-unheard-of'], 'not in this release'],
  ])('%j is an error', async (args, message) => {
    const { code, stdout, stderr } = await cli(args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(message);
  });

  test('without a database is an error in one line', async () => {
    const nowhere = 'mongodb://127.0.0.1:9/x?serverSelectionTimeoutMS=200';
    const { code, stdout, stderr } = await cli(['status'], nowhere);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

test('the first gives a status to users without one, and an index; down takes both', async () => {
  const users = connection.collection('users');
  await users.insertMany([{ email: 'old' }, { email: 'new', status: 'suspended' }]);
  const statuses = async () => (await users.find().toArray()).map(({ status }) => status);
  const indexes = async () => (await users.indexes()).map(({ name }) => name);

  await told('run');
  expect(await statuses()).toEqual(['active', 'suspended']);
  expect(await indexes()).toContain('status_1');

  await told('revert');
  expect(await statuses()).toEqual([undefined, undefined]);
  expect(await indexes()).not.toContain('status_1');
});

describe('several migrations', () => {
  const steps: string[] = [];
  const step = (name: string): Migration => ({
    name,
    up: async () => void steps.push(`up ${name}`),
    down: async () => void steps.push(`down ${name}`),
  });
  const broken: Migration = {
    ...step('c'),
    up: () => Promise.reject(new Error('no room')),
  };
  const runner = (...migrations: Migration[]) =>
    new MigrationRunner(connection.db as mongoose.mongo.Db, migrations);

  beforeEach(() => void steps.splice(0));

  test('run in order and are reverted newest first', async () => {
    const release = runner(step('a'), step('b'));
    expect(await release.run()).toEqual(['a', 'b']);
    await expect(release.revert('a')).rejects.toThrow('a: revert what came after it first: b');
    expect(await release.revert()).toEqual(['b']);
    expect(await release.revert()).toEqual(['a']);
    expect(steps).toEqual(['up a', 'up b', 'down b', 'down a']);
  });

  test('stop at the first that fails, and go on from there', async () => {
    await expect(runner(step('a'), broken).run()).rejects.toThrow('c: up failed: no room');
    expect(await runner(step('a'), step('c')).run()).toEqual(['c']);
  });

  test('tell their labels, and nothing where they have none', async () => {
    const contract: Migration = { ...step('b'), kind: 'contract', reversible: false };
    expect(await runner(step('a'), contract).status()).toEqual([
      { name: 'a', applied: false, appliedAt: null },
      { name: 'b', applied: false, appliedAt: null, kind: 'contract', reversible: false },
    ]);
  });

  test('of a newer release are seen by an older one, which does not touch them', async () => {
    await runner(step('a'), step('b')).run();
    const older = runner(step('a'));
    expect(await older.status()).toEqual([
      { name: 'a', applied: true, appliedAt: expect.any(String) },
      { name: 'b', applied: true, appliedAt: expect.any(String), missing: true },
    ]);
    await expect(older.revert()).rejects.toThrow('b: not in this release');
  });
});
