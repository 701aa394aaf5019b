import { ConflictException, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import mongoose, { type Model } from 'mongoose';
import { hashPassword } from '../auth/passwords.js';
import { Cache } from '../cache.js';
import { Database } from '../database.js';
import { Settings } from '../settings.js';
import {
  type NewUser,
  type User,
  type UserDocument,
  type UserView,
  userSchema,
  view,
} from './user.js';

/** Two releases share one Redis: raise the number whenever the shape of the list changes. */
const LIST_KEY = 'users:list:1';
const LIST_SECONDS = 10;
const LIST_LIMIT = 500;
const DUPLICATE_KEY = 11_000;

@Injectable()
export class UsersService implements OnModuleInit {
  private readonly logger = new Logger('Users');
  private readonly users: Model<User>;

  constructor(
    private readonly settings: Settings,
    private readonly database: Database,
    private readonly cache: Cache,
  ) {
    this.users = database.connection.model<User>('User', userSchema);
  }

  onModuleInit(): void {
    this.database.beforeReady(async () => {
      await this.users.createIndexes();
      await this.seedAdmin();
    });
  }

  findByEmail(email: string): Promise<UserDocument | null> {
    return this.users.findOne({ email }).exec();
  }

  findById(id: string): Promise<UserDocument | null> {
    return this.users.findById(id).exec();
  }

  /** The users, and whether they came out of the cache. */
  list(): Promise<[UserView[], boolean]> {
    return this.cache.remember(LIST_KEY, LIST_SECONDS, async () => {
      const users = await this.users.find().sort({ email: 1 }).limit(LIST_LIMIT).exec();
      return users.map(view);
    });
  }

  async create({ password, ...rest }: NewUser): Promise<UserView> {
    try {
      const passwordHash = await hashPassword(password);
      const user = await this.users.create({ ...rest, passwordHash });
      await this.cache.forget(LIST_KEY);
      return view(user);
    } catch (error) {
      if (error instanceof mongoose.mongo.MongoServerError && error.code === DUPLICATE_KEY) {
        throw new ConflictException('There is a user with this email already');
      }
      throw error;
    }
  }

  /** Every instance does this at start; the unique index lets one of them win. */
  private async seedAdmin(): Promise<void> {
    const { admin } = this.settings;
    if (!admin || (await this.users.exists({ email: admin.email.toLowerCase() }))) return;
    try {
      await this.create({
        email: admin.email.toLowerCase(),
        name: 'Administrator',
        password: admin.password,
        status: 'active',
      });
      this.logger.log('Administrator created');
    } catch (error) {
      if (!(error instanceof ConflictException)) throw error;
    }
  }
}
