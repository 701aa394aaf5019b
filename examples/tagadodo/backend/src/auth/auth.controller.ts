import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import {
  type Credentials,
  credentials,
  type Renewal,
  renewal,
  type Tokens,
} from './auth.schemas.js';
import { AuthService } from './auth.service.js';

@Controller('auth')
export class AuthController {
  constructor(private readonly auth: AuthService) {}

  @Post('login')
  @HttpCode(200)
  login(@Body({ schema: credentials }) body: Credentials): Promise<Tokens> {
    return this.auth.login(body);
  }

  @Post('refresh')
  @HttpCode(200)
  refresh(@Body({ schema: renewal }) body: Renewal): Promise<Tokens> {
    return this.auth.refresh(body.refreshToken);
  }
}
