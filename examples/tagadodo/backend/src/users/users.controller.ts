import { Body, Controller, Get, Post, Res, UseGuards } from '@nestjs/common';
import type { Response } from 'express';
import { AuthGuard } from '../auth/auth.guard.js';
import { type NewUser, newUser, type UserView } from './user.js';
import { UsersService } from './users.service.js';

@Controller('users')
@UseGuards(AuthGuard)
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Get()
  async list(@Res({ passthrough: true }) response: Response): Promise<{ users: UserView[] }> {
    const [users, cached] = await this.users.list();
    response.setHeader('X-Cache', cached ? 'hit' : 'miss');
    return { users };
  }

  @Post()
  create(@Body({ schema: newUser }) body: NewUser): Promise<UserView> {
    return this.users.create(body);
  }
}
