import type { mongo } from 'mongoose';

/**
 * One step of the database's shape. `up` must leave the running release working (expand, do
 * not replace) unless its kind says otherwise, and both ways must be safe to run again after being cut short.
 */
export type Migration = {
  readonly name: string;
  /** `contract` where the release before may not work with it; such a one is released alone. */
  readonly kind?: 'expand' | 'contract';
  /** `false` where `down` cannot bring back what `up` took. */
  readonly reversible?: boolean;
  up(db: mongo.Db): Promise<void>;
  down(db: mongo.Db): Promise<void>;
};
