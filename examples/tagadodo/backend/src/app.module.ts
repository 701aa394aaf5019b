import { type DynamicModule, Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { TerminusModule } from '@nestjs/terminus';
import { AuthController } from './auth/auth.controller.js';
import { AuthGuard } from './auth/auth.guard.js';
import { AuthService } from './auth/auth.service.js';
import { Cache } from './cache.js';
import { Database } from './database.js';
import { HealthController } from './health/health.controller.js';
import { HealthService } from './health/health.service.js';
import { Echo } from './realtime/echo.js';
import { Settings } from './settings.js';
import { GracefulShutdown } from './shutdown.js';
import { UsersController } from './users/users.controller.js';
import { UsersService } from './users/users.service.js';
import { VersionController } from './version.controller.js';
import { VisitsController } from './visits.controller.js';

@Module({})
export class AppModule {
  static with(settings: Settings): DynamicModule {
    return {
      module: AppModule,
      imports: [JwtModule.register({}), TerminusModule.forRoot({ logger: false })],
      controllers: [
        AuthController,
        HealthController,
        UsersController,
        VersionController,
        VisitsController,
      ],
      providers: [
        { provide: Settings, useValue: settings },
        AuthGuard,
        AuthService,
        Cache,
        Database,
        Echo,
        GracefulShutdown,
        HealthService,
        UsersService,
      ],
    };
  }
}
