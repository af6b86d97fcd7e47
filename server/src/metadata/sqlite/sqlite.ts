import { dirname, resolve } from 'node:path';
import { createPrivate } from '../../core/disk/create-private.ts';
import { makeFolder } from '../../core/disk/make-folder.ts';
import { fail, type StowageError } from '../../core/errors.ts';
import type { MetadataStore } from '../../core/metadata.ts';
import { sqliteFlavor } from '../flavor.ts';
import { kyselyStore } from '../kysely-store.ts';
import { type Ballast, createBallast } from './ballast.ts';
import { type Checkpointer, checkpointer } from './checkpointer.ts';
import { connectSqlite, type SqliteConnection } from './sqlite-connection.ts';
import { type Room, sqliteEngine } from './sqlite-engine.ts';
import { openLog, type SqliteLog, type Sync } from './sqlite-log.ts';

export interface SqliteOptions {
  /** The file. Created, with its folder, when missing. */
  readonly path: string;
  /** `full` survives power loss, `normal` only the end of the process. */
  readonly durability: 'full' | 'normal';
  /** Reserves space beside the database for essential writes on a full disk. */
  readonly ballast?: boolean;
  /** Called with the error of a failed checkpoint. */
  readonly log?: ((message: string) => void) | undefined;
  /** Replaces `fdatasync`. */
  readonly sync?: Sync;
}

/** Throws `service_unavailable` when the file cannot be opened. */
export function openSqlite({
  path: given,
  durability,
  ballast: wantsBallast = false,
  log,
  sync,
}: SqliteOptions): MetadataStore {
  const path = resolve(given);
  const ballast = wantsBallast ? ballastOf(path) : undefined;
  const connection = openInRoom(path, ballast);
  const file = openLogOf(connection, path, sync);
  const checkpoints = checkpointer({ path, file, log });

  const engine = sqliteEngine({
    connection,
    ready: checkpoints.ready,
    onCommit: checkpoints.noteCommit,
    sync: () => (durability === 'full' ? file.sync().catch(checkpoints.repair) : Promise.resolve()),
    room: ballast && roomOf(ballast, checkpoints),
    async close() {
      await checkpoints.close();
      connection.close();
      file.close();
    },
  });
  return kyselyStore({ flavor: sqliteFlavor(), engine });
}

function openLogOf(connection: SqliteConnection, path: string, sync: Sync | undefined): SqliteLog {
  try {
    return openLog(path, sync);
  } catch (error) {
    connection.close();
    throw cannotOpen(path, error);
  }
}

function ballastOf(path: string): Ballast {
  try {
    makeFolder(dirname(path));
  } catch (error) {
    throw cannotOpen(path, error);
  }
  return createBallast(path);
}

function roomOf(ballast: Ballast, checkpoints: Checkpointer): Room {
  return {
    isShort: ballast.isMissing,
    async make() {
      const wasReleased = ballast.release();
      return (await checkpoints.shrink()) || wasReleased;
    },
  };
}

/** Its log needs a little space, too. */
function openInRoom(path: string, ballast: Ballast | undefined): SqliteConnection {
  try {
    return open(path);
  } catch (error) {
    if (!ballast?.release()) {
      throw error;
    }
    return open(path);
  }
}

function open(path: string): SqliteConnection {
  try {
    makeFolder(dirname(path));
    // Addresses and token hashes are private. SQLite gives its other files the same mode.
    createPrivate(path);
    const connection = connectSqlite(path);
    connection.execute({ sql: 'select count(*) from sqlite_schema', parameters: [] });
    return connection;
  } catch (error) {
    throw cannotOpen(path, error);
  }
}

function cannotOpen(path: string, cause: unknown): StowageError {
  return fail('service_unavailable', {
    message: `The database ${path} cannot be opened: ${(cause as Error).message}`,
    cause,
  });
}
