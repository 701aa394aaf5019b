import { z } from 'zod';

export const credentials = z.strictObject({
  email: z.email().max(254).toLowerCase(),
  password: z.string().min(1).max(256),
});
export type Credentials = z.infer<typeof credentials>;

export const renewal = z.strictObject({ refreshToken: z.string().min(1).max(2048) });
export type Renewal = z.infer<typeof renewal>;

export type Tokens = { accessToken: string; refreshToken: string; expiresIn: number };
