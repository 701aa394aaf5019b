import { ConsoleLogger } from '@nestjs/common';
import { Settings, SettingsError } from './settings.js';

const logger = new ConsoleLogger('Main', { json: true });

/** Process 1 of a container has no default signal handling: until the server is up, just leave. */
const leave = () => process.exit(0);

async function main(): Promise<void> {
  process.once('SIGTERM', leave);
  const settings = new Settings(process.env);
  const { serve } = await import('./server.js');
  const port = await serve(settings, logger);
  process.off('SIGTERM', leave);
  const seconds = process.uptime().toFixed(2);
  logger.log(`Version ${settings.version} listens on port ${port} after ${seconds} s`);
}

try {
  await main();
} catch (error) {
  if (error instanceof SettingsError) logger.fatal(error.message);
  else logger.fatal('Could not start', error instanceof Error ? error.stack : String(error));
  process.exit(1);
}
