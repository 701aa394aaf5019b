import type { mongo } from 'mongoose';
import type { Migration } from './migration.js';

export class MigrationError extends Error {}

export type MigrationStatus = {
  name: string;
  applied: boolean;
  appliedAt: string | null;
  /** It is applied, but only a newer release holds it. */
  missing?: true;
} & Pick<Migration, 'kind' | 'reversible'>;

type Record = { _id: string; appliedAt: Date };

/** What is to be told of a migration beside its state; what is usual is left out. */
function labels(migration?: Migration): Partial<MigrationStatus> {
  if (!migration) return { missing: true };
  const { kind, reversible } = migration;
  return { ...(kind && { kind }), ...(reversible === undefined ? {} : { reversible }) };
}

/** Applies and reverts migrations, and keeps account of them in the collection `migrations`. */
export class MigrationRunner {
  private readonly records: mongo.Collection<Record>;

  constructor(
    private readonly db: mongo.Db,
    private readonly migrations: readonly Migration[],
  ) {
    this.records = db.collection<Record>('migrations');
  }

  /** Migrations of this release in their order, then applied ones that only a newer one holds. */
  async status(): Promise<MigrationStatus[]> {
    const applied = await this.applied();
    const known = new Map(this.migrations.map((migration) => [migration.name, migration]));
    return [...new Set([...known.keys(), ...applied.keys()])].map((name) => ({
      name,
      applied: applied.has(name),
      appliedAt: applied.get(name)?.toISOString() ?? null,
      ...labels(known.get(name)),
    }));
  }

  /** Applies all that are not applied yet; the names of those, in order. */
  async run(): Promise<string[]> {
    const applied = await this.applied();
    const pending = this.migrations.filter(({ name }) => !applied.has(name));
    for (const migration of pending) {
      await this.step(migration, 'up');
      await this.records.insertOne({ _id: migration.name, appliedAt: new Date() });
    }
    return pending.map(({ name }) => name);
  }

  /** Reverts the newest applied migration, which must be `name` if one is given. */
  async revert(name?: string): Promise<string[]> {
    const applied = [...(await this.applied()).keys()];
    const target = name ?? applied.at(-1);
    if (target === undefined) return [];
    const migration = this.migrations.find((candidate) => candidate.name === target);
    if (!migration) {
      throw new MigrationError(
        `${target}: not in this release; revert it from the one that has it`,
      );
    }
    const newer = applied.slice(applied.indexOf(target) + 1);
    if (!applied.includes(target)) return [];
    if (newer.length > 0) {
      throw new MigrationError(`${target}: revert what came after it first: ${newer.join(', ')}`);
    }
    await this.step(migration, 'down');
    await this.records.deleteOne({ _id: target });
    return [target];
  }

  private async step(migration: Migration, direction: 'up' | 'down'): Promise<void> {
    try {
      await migration[direction](this.db);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new MigrationError(`${migration.name}: ${direction} failed: ${reason}`);
    }
  }

  /** Name to time of what is applied, oldest first. */
  private async applied(): Promise<Map<string, Date>> {
    const records = await this.records.find().toArray();
    records.sort((a, b) => +a.appliedAt - +b.appliedAt || a._id.localeCompare(b._id));
    return new Map(records.map(({ _id, appliedAt }) => [_id, appliedAt]));
  }
}
