import { addUserStatus } from './001-add-user-status.js';
import type { Migration } from './migration.js';

/** In the order they are applied. Add at the end; never change one that has been released. */
export const migrations: readonly Migration[] = [addUserStatus];
