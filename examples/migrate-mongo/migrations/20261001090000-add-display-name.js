export const up = async (db) => {
  const users = db.collection('users');
  for await (const { _id, name } of users.find({ displayName: { $exists: false } })) {
    await users.updateOne({ _id }, { $set: { displayName: name ?? '' } });
  }
};

export const down = async (db) => {
  await db.collection('users').updateMany({}, { $unset: { displayName: '' } });
};
