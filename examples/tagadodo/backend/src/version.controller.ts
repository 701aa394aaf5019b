import { Controller, Get } from '@nestjs/common';
import { Settings } from './settings.js';

@Controller('version')
export class VersionController {
  constructor(private readonly settings: Settings) {}

  @Get()
  version(): { version: string } {
    return { version: this.settings.version };
  }
}
