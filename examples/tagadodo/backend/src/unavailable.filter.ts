import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { Response } from 'express';
import mongoose from 'mongoose';

/** A database that cannot be asked is a 503 to clients, not a fault of this application. */
@Catch(mongoose.mongo.MongoError, mongoose.MongooseError)
export class UnavailableFilter implements ExceptionFilter {
  private readonly logger = new Logger('Database');

  catch(error: Error, host: ArgumentsHost): void {
    this.logger.error(`${error.name}: ${error.message}`);
    const response = host.switchToHttp().getResponse<Response>();
    response.status(503).json({ statusCode: 503, message: 'The database does not answer' });
  }
}
