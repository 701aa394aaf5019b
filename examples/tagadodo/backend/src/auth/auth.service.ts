import { randomUUID } from 'node:crypto';
import { Injectable, ServiceUnavailableException, UnauthorizedException } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { Cache } from '../cache.js';
import { Settings } from '../settings.js';
import { UsersService } from '../users/users.service.js';
import type { Credentials, Tokens } from './auth.schemas.js';
import { verifyPassword } from './passwords.js';

const ACCESS_SECONDS = 15 * 60;
const REFRESH_SECONDS = 7 * 24 * 3600;

@Injectable()
export class AuthService {
  constructor(
    private readonly settings: Settings,
    private readonly jwt: JwtService,
    private readonly users: UsersService,
    private readonly cache: Cache,
  ) {}

  async login({ email, password }: Credentials): Promise<Tokens> {
    const user = await this.users.findByEmail(email);
    const known = await verifyPassword(password, user?.passwordHash);
    if (!user || !known || user.status === 'suspended') {
      throw new UnauthorizedException('Email or password is wrong');
    }
    return this.issue(user.id);
  }

  /** A refresh token works once: Redis knows the ones not yet used. */
  async refresh(token: string): Promise<Tokens> {
    const { sub, jti } = await this.verify(token, this.settings.jwtRefreshSecret);
    const unused = await this.askRedis(() => this.cache.redis.getdel(refreshKey(jti)));
    const user = unused === sub ? await this.users.findById(sub) : null;
    if (!user || user.status === 'suspended') {
      throw new UnauthorizedException('Refresh token is spent');
    }
    return this.issue(sub);
  }

  /** The id of the user whom an access token stands for. */
  async authenticate(token: string): Promise<string> {
    const { sub } = await this.verify(token, this.settings.jwtSecret);
    return sub;
  }

  private async issue(userId: string): Promise<Tokens> {
    const jti = randomUUID();
    const [accessToken, refreshToken] = await Promise.all([
      this.jwt.signAsync(
        { sub: userId, jti: randomUUID() },
        { secret: this.settings.jwtSecret, expiresIn: ACCESS_SECONDS },
      ),
      this.jwt.signAsync(
        { sub: userId, jti },
        { secret: this.settings.jwtRefreshSecret, expiresIn: REFRESH_SECONDS },
      ),
    ]);
    await this.askRedis(() => this.cache.redis.set(refreshKey(jti), userId, 'EX', REFRESH_SECONDS));
    return { accessToken, refreshToken, expiresIn: ACCESS_SECONDS };
  }

  private async verify(token: string, secret: string): Promise<{ sub: string; jti: string }> {
    try {
      return await this.jwt.verifyAsync(token, { secret, algorithms: ['HS256'] });
    } catch {
      throw new UnauthorizedException('Token is not valid');
    }
  }

  private async askRedis<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command();
    } catch {
      throw new ServiceUnavailableException('The session store does not answer');
    }
  }
}

function refreshKey(jti: string): string {
  return `refresh:${jti}`;
}
