const GONE = [26, 27]; // no such collection, no such index

/** Drops an index; one that is gone already is fine, so that a `down` that was cut can run again. */
export async function dropIndex(collection, name) {
  await collection.dropIndex(name).catch((error) => {
    if (!GONE.includes(error.code)) throw error;
  });
}
