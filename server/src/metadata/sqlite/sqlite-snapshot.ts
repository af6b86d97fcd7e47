import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { fail } from '../../core/errors.ts';
import type { MetadataStore } from '../../core/metadata.ts';
import { sqliteFlavor } from '../flavor.ts';
import { kyselyStore } from '../kysely-store.ts';
import type { Engine, Query } from '../work.ts';
import { readSqlite } from './sqlite-connection.ts';
import { sqliteError } from './sqlite-errors.ts';

const busyMs = 10_000;

/**
 * Writes the database at `from`, in its current state, to the new file `to`, while others read and
 * write it. Blocks until it is done. Leases are left out, because they belong to running processes.
 */
export function snapshotSqlite(from: string, to: string): void {
  try {
    withDatabase(from, (db) => db.prepare('vacuum into ?').run(to));
    chmodSync(to, 0o600);
    withDatabase(to, (db) => db.exec('pragma journal_mode = delete; delete from leases'));
  } catch (error) {
    throw sqliteError(error);
  }
}

function withDatabase(path: string, work: (db: DatabaseSync) => void): void {
  const db = new DatabaseSync(path, { timeout: busyMs });
  try {
    work(db);
  } finally {
    db.close();
  }
}

/**
 * A read-only store over a snapshot. Throws `service_unavailable` when the file is not a database.
 */
export function openSnapshot(path: string): MetadataStore {
  const connection = readSqlite(path);
  const refuse = () =>
    Promise.reject(
      fail('service_unavailable', { message: 'A snapshot of the database is only read.' }),
    );
  const read = async <Row>(query: Query<Row>): Promise<readonly Row[]> => {
    try {
      return connection.execute(query).rows as readonly Row[];
    } catch (error) {
      throw sqliteError(error);
    }
  };
  const engine: Engine = {
    transact: refuse,
    write: refuse,
    settled: async () => undefined,
    foreignVersion: () => 0,
    check: refuse,
    read,
    readAside: read,
    close: async () => connection.close(),
  };
  return kyselyStore({ flavor: sqliteFlavor(), engine });
}
