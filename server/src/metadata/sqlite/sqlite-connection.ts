import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Answer, Query } from '../work.ts';

/** One connection to a SQLite file. Every call blocks. */
export interface SqliteConnection {
  execute(query: Query): Answer;
  /** A statement without parameters or rows: `begin`, `pragma ...`. */
  exec(sql: string): void;
  readonly inTransaction: boolean;
  /** Grows with every commit of another connection. NaN when the database does not respond. */
  dataVersion(): number;
  /** Bytes of small objects written so far, also those of transactions that failed. */
  readonly rowBytes: number;
  close(): void;
}

/** More than there are statements in the code. Only unusual shapes are prepared again. */
const maxPrepared = 300;

/** Opens a file read-only. */
export function readSqlite(path: string): SqliteConnection {
  return connectionTo(new DatabaseSync(path, { readOnly: true }));
}

/**
 * Opens (and creates) the file in WAL mode. `synchronous=NORMAL` leaves syncing the log to
 * `sqlite-log.ts`.
 */
export function connectSqlite(path: string): SqliteConnection {
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: 1000 });
  // The busy timeout of 1 s is for these lines only, when several processes start at once.
  db.exec('pragma journal_mode = wal; pragma synchronous = normal; pragma wal_autocheckpoint = 0;');
  // No mmap, because a read error would then be a SIGBUS instead of an error code.
  db.exec(
    'pragma busy_timeout = 0; pragma cache_size = -32768; pragma temp_store = memory; pragma trusted_schema = off;',
  );
  return connectionTo(db);
}

function connectionTo(db: DatabaseSync): SqliteConnection {
  const prepared = new Map<string, Prepared>();
  let dataVersion: StatementSync | undefined;
  let rowBytes = 0;
  const bind = (value: Query['parameters'][number]) => {
    rowBytes += value instanceof Uint8Array ? value.length : 0;
    return isList(value) ? JSON.stringify(value) : value;
  };

  return {
    execute({ sql, parameters }) {
      const { statement, hasRows } = prepared.get(sql) ?? prepare(db, prepared, sql);
      const values = parameters.map(bind);
      if (!hasRows) {
        return { rows: [], changes: Number(statement.run(...values).changes) };
      }
      const rows = statement.all(...values);
      return { rows, changes: rows.length };
    },
    exec: (sql) => {
      (prepared.get(sql) ?? prepare(db, prepared, sql)).statement.run();
    },
    get rowBytes() {
      return rowBytes;
    },
    get inTransaction() {
      return db.isTransaction;
    },
    dataVersion() {
      try {
        dataVersion ??= db.prepare('pragma data_version');
        return Number(dataVersion.get()?.data_version);
      } catch {
        return Number.NaN;
      }
    },
    close() {
      prepared.clear();
      db.close();
    },
  };
}

function isList(value: Query['parameters'][number]): value is readonly string[] {
  return Array.isArray(value);
}

interface Prepared {
  readonly statement: StatementSync;
  readonly hasRows: boolean;
}

function prepare(db: DatabaseSync, prepared: Map<string, Prepared>, sql: string): Prepared {
  const statement = db.prepare(sql);
  const entry = { statement, hasRows: statement.columns().length > 0 };
  if (prepared.size >= maxPrepared) {
    prepared.clear();
  }
  prepared.set(sql, entry);
  return entry;
}
