import { mongo } from 'mongoose';
import type { Migration } from './migration.js';

const NO_SUCH_INDEX = 27;
const NO_SUCH_COLLECTION = 26;

export const addUserStatus: Migration = {
  name: '001-add-user-status',

  async up(db) {
    const users = db.collection('users');
    await users.updateMany({ status: { $exists: false } }, { $set: { status: 'active' } });
    await users.createIndex({ status: 1 }, { name: 'status_1' });
  },

  async down(db) {
    const users = db.collection('users');
    await users.dropIndex('status_1').catch((error) => {
      const gone =
        error instanceof mongo.MongoServerError &&
        (error.code === NO_SUCH_INDEX || error.code === NO_SUCH_COLLECTION);
      if (!gone) throw error;
    });
    await users.updateMany({}, { $unset: { status: '' } });
  },
};
