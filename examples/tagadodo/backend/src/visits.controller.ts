import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { z } from 'zod';
import { Cache } from './cache.js';
import { Settings } from './settings.js';

const REMEMBERED_SECONDS = 600;

const visit = z.strictObject({ id: z.string().min(1).max(128) });

/**
 * Counts visits. A client that cannot know whether its message arrived may send it again
 * with the same id: the answer says how often that id has come.
 */
@Controller('visits')
export class VisitsController {
  constructor(
    private readonly cache: Cache,
    private readonly settings: Settings,
  ) {}

  @Post()
  @HttpCode(200)
  async visit(
    @Body({ schema: visit }) body: z.infer<typeof visit>,
  ): Promise<{ id: string; version: string; executions: number }> {
    const executions = await this.cache.count(`visits:${body.id}`, REMEMBERED_SECONDS);
    return { id: body.id, version: this.settings.version, executions };
  }
}
