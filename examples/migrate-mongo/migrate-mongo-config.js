export default {
  // The URI names the database too.
  mongodb: { url: process.env.MONGO_URI },
  migrationsDir: 'migrations',
  changelogCollectionName: 'changelog',
  // Its own lock lets two runs through at once; the deploy holds a lease instead.
  lockCollectionName: 'changelog_lock',
  lockTtl: 0,
  migrationFileExtension: '.js',
  useFileHash: false,
  moduleSystem: 'esm',
};
