import type { mongo } from 'mongoose';

/**
 * One step of the database's shape. `up` must leave the running release working (expand, do
 * not replace), and both ways must be safe to run again after being cut short.
 */
export type Migration = {
  readonly name: string;
  up(db: mongo.Db): Promise<void>;
  down(db: mongo.Db): Promise<void>;
};
