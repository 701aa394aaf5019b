import { dropIndex } from '../shared/indexes.js';

export const up = async (db) => {
  await db.collection('users').createIndex({ email: 1 }, { name: 'email_1' });
};

export const down = async (db) => {
  await dropIndex(db.collection('users'), 'email_1');
};
