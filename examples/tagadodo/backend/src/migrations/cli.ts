/**
 * cli.js run | revert [name] | status
 * Prints one JSON object on stdout; what went wrong goes to stderr, with exit code 1.
 * Needs only MONGO_URI, and a caller that runs one at a time.
 */
import mongoose from 'mongoose';
import { migrations } from './all.js';
import { MigrationRunner } from './runner.js';

const USAGE = 'usage: cli.js run | revert [name] | status';
const SELECTION_TIMEOUT_MS = 5_000;

type Command = (runner: MigrationRunner) => Promise<object>;

function parse([command, name, ...rest]: string[]): Command {
  const alone = name === undefined;
  if (command === 'run' && alone) return async (runner) => ({ applied: await runner.run() });
  if (command === 'status' && alone)
    return async (runner) => ({ migrations: await runner.status() });
  if (command === 'revert' && rest.length === 0) {
    return async (runner) => ({ reverted: await runner.revert(name) });
  }
  throw new Error(USAGE);
}

async function main(): Promise<void> {
  const command = parse(process.argv.slice(2));
  const uri = process.env.MONGO_URI;
  if (!uri) throw new Error('Environment: not set: MONGO_URI');
  const client = new mongoose.mongo.MongoClient(uri, {
    appName: 'tagadodo-migrations',
    serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS,
  });
  try {
    const result = await command(new MigrationRunner(client.db(), migrations));
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } finally {
    await client.close();
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
