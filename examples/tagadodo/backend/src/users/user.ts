import { type HydratedDocument, Schema } from 'mongoose';
import { z } from 'zod';

export const STATUSES = ['active', 'suspended'] as const;
export type Status = (typeof STATUSES)[number];

/** As stored. `status` came with the first migration: documents from before it have none. */
export type User = {
  email: string;
  name: string;
  passwordHash: string;
  status?: Status;
  createdAt: Date;
};
export type UserDocument = HydratedDocument<User>;

/** As shown. */
export type UserView = {
  id: string;
  email: string;
  name: string;
  status: Status;
  createdAt: string;
};

export const newUser = z.strictObject({
  email: z.email().max(254).toLowerCase(),
  name: z.string().trim().min(1).max(100),
  password: z.string().min(8).max(256),
  status: z.enum(STATUSES).default('active'),
});
export type NewUser = z.infer<typeof newUser>;

export const userSchema = new Schema<User>(
  {
    email: { type: String, required: true, unique: true },
    name: { type: String, required: true },
    passwordHash: { type: String, required: true },
    status: { type: String, enum: STATUSES },
    createdAt: { type: Date, default: () => new Date() },
  },
  { autoCreate: false, autoIndex: false, bufferCommands: false, versionKey: false },
);

export function view(user: UserDocument): UserView {
  return {
    id: user.id,
    email: user.email,
    name: user.name,
    status: user.status ?? 'active',
    createdAt: user.createdAt.toISOString(),
  };
}
