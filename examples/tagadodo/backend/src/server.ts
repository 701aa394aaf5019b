import 'reflect-metadata';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type LoggerService, StandardSchemaValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { injectFaults, scheduleCrash } from './faults.js';
import type { Settings } from './settings.js';
import { UnavailableFilter } from './unavailable.filter.js';

/** Longer than any proxy keeps an idle connection, so that it is the proxy that closes it. */
const KEEP_ALIVE_MS = 65_000;

/** Starts the application; the port it listens on. */
export async function serve(settings: Settings, logger: LoggerService): Promise<number> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(settings), {
    logger,
    abortOnError: false,
  });
  app.disable('x-powered-by');
  app.disable('etag');
  scheduleCrash(settings.faults);
  app.use(injectFaults(settings.faults));
  if (settings.corsOrigins.length > 0) app.enableCors({ origin: [...settings.corsOrigins] });
  app.useGlobalPipes(new StandardSchemaValidationPipe());
  app.useGlobalFilters(new UnavailableFilter());
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });

  const server: Server = app.getHttpServer();
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.headersTimeout = KEEP_ALIVE_MS + 1_000;
  await app.listen(settings.port);
  return (server.address() as AddressInfo).port;
}
