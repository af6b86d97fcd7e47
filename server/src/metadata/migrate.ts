import { fail } from '../core/errors.ts';
import type { Context } from './context.ts';
import type { Flavor } from './flavor.ts';
import type { Migration } from './migrations/index.ts';
import { all, dynamic, run, type Work } from './work.ts';

/**
 * Runs the missing migrations in one transaction with the rows that record them, and returns their
 * names. Nodes that start at once take turns. Throws `internal_error`, without a change, for a
 * database written by newer code.
 */
export function migration(
  flavor: Flavor,
  migrations: readonly Migration[],
): () => Work<readonly string[]> {
  const { db, lockKey } = flavor;
  return function* () {
    if (lockKey) {
      yield* run(dynamic(lockKey('stowage migrations')));
    }
    yield* run(dynamic(historyTable(flavor)));
    const rows = yield* all(dynamic(db.selectFrom('schema_migrations').select('name')));
    const done = new Set(rows.map(({ name }) => name));
    refuseUnknown(done, migrations);
    const missing = migrations.filter(({ name }) => !done.has(name));
    for (const { name, steps } of missing) {
      for (const step of steps(flavor)) {
        yield* run(dynamic(step));
      }
      yield* run(dynamic(db.insertInto('schema_migrations').values({ name, ran_at: Date.now() })));
    }
    return missing.map(({ name }) => name);
  };
}

/** The migrations that `migration` would run. The database may be empty. */
export async function pendingMigrations(
  { engine, flavor }: Context,
  migrations: readonly Migration[],
): Promise<readonly string[]> {
  const rows = await engine
    .read(dynamic(flavor.db.selectFrom('schema_migrations').select('name')))
    .catch((error: unknown) => {
      if (/no such table|relation .* does not exist/.test((error as Error).message)) {
        return [];
      }
      throw error;
    });
  const done = new Set(rows.map(({ name }) => name));
  refuseUnknown(done, migrations);
  return migrations.map(({ name }) => name).filter((name) => !done.has(name));
}

function historyTable({ db, text }: Flavor) {
  return db.schema
    .createTable('schema_migrations')
    .ifNotExists()
    .addColumn('name', text, (column) => column.primaryKey().notNull())
    .addColumn('ran_at', 'bigint', (column) => column.notNull());
}

function refuseUnknown(done: ReadonlySet<string>, migrations: readonly Migration[]): void {
  const known = new Set(migrations.map(({ name }) => name));
  const unknown = [...done].filter((name) => !known.has(name));
  if (unknown.length === 0) {
    return;
  }
  throw fail('internal_error', {
    message: `This database was written by a newer version of Stowage (it has ${unknown.join(', ')}). Start that version or a newer one.`,
  });
}
