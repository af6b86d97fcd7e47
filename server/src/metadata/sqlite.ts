import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fail } from '../core/errors.ts';
import type { MetadataStore } from '../core/metadata.ts';
import { checkpointer } from './checkpointer.ts';
import { sqliteFlavor } from './flavor.ts';
import { kyselyStore } from './kysely-store.ts';
import { connectSqlite, type SqliteConnection } from './sqlite-connection.ts';
import { sqliteEngine } from './sqlite-engine.ts';
import { openLog, type Sync } from './sqlite-log.ts';

export interface SqliteOptions {
  /** The file, made when missing, together with its folder. */
  readonly path: string;
  /** `full` survives power loss, `normal` only the end of the process. */
  readonly durability: 'full' | 'normal';
  /** Told about checkpoints that fail. */
  readonly log?: (message: string) => void;
  /** Stands in for `fdatasync`. */
  readonly sync?: Sync;
}

/** Throws `service_unavailable` when the file cannot be opened. */
export function openSqlite({ path: given, durability, log, sync }: SqliteOptions): MetadataStore {
  const path = resolve(given);
  const connection = open(path);
  const file = openLog(path, sync);
  const checkpoints = checkpointer({ path, file, ...(log && { log }) });

  const engine = sqliteEngine({
    connection,
    ready: checkpoints.ready,
    onCommit: checkpoints.noteCommit,
    sync: () => (durability === 'full' ? file.sync().catch(checkpoints.repair) : Promise.resolve()),
    async close() {
      await checkpoints.close();
      connection.close();
      file.close();
    },
  });
  return kyselyStore({ flavor: sqliteFlavor(), engine });
}

function open(path: string): SqliteConnection {
  try {
    mkdirSync(dirname(path), { recursive: true });
    createPrivate(path);
    const connection = connectSqlite(path);
    connection.execute({ sql: 'select count(*) from sqlite_schema', parameters: [] });
    return connection;
  } catch (error) {
    throw fail('service_unavailable', {
      message: `The database ${path} cannot be opened: ${(error as Error).message}`,
      cause: error,
    });
  }
}

/**
 * Addresses and token hashes are nobody else's business; SQLite gives its other files the same mode. Only ever opened when new: closing
 * a file drops all locks that the process has on it.
 */
function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
