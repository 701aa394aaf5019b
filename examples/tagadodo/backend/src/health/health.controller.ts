import { Controller, Get, Header } from '@nestjs/common';
import { HealthService } from './health.service.js';

@Controller('health')
export class HealthController {
  constructor(private readonly health: HealthService) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  full() {
    return this.health.full();
  }

  @Get('ready')
  @Header('Cache-Control', 'no-store')
  ready() {
    return this.health.ready();
  }

  @Get('live')
  @Header('Cache-Control', 'no-store')
  live() {
    return this.health.live();
  }
}
