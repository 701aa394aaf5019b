import { dropIndex } from '../shared/indexes.js';

export const up = async (db) => {
  // A mistake to try out: see the README.
  if (process.env.FAULT_MIGRATION) throw new Error('FAULT_MIGRATION is set');
  const users = db.collection('users');
  await users.updateMany({ status: { $exists: false } }, { $set: { status: 'active' } });
  await users.createIndex({ status: 1 }, { name: 'status_1' });
};

export const down = async (db) => {
  const users = db.collection('users');
  await dropIndex(users, 'status_1');
  await users.updateMany({}, { $unset: { status: '' } });
};
