import {
  type Compilable,
  type CreateTableBuilder,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
  type SelectQueryBuilder,
  type SqlBool,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely';
import type { Schema } from './schema.ts';

/** The differences between the two databases in their queries. An `Engine` runs them. */
export interface Flavor {
  /** Builds and compiles queries without running them. */
  readonly db: Kysely<Schema>;
  /** Text compared byte by byte. */
  readonly text: RawBuilder<string>;
  /** Number of rows that a counter is spread over. */
  readonly counterShards: number;
  /**
   * For tables that are read by their whole key. SQLite then keeps the rows in the index of the
   * key.
   */
  byKey<Table extends CreateTableBuilder<string, string>>(table: Table): Table;
  /** `column in (list)`, as one statement for lists of any length. */
  isIn(column: string, list: readonly string[]): RawBuilder<SqlBool>;
  /**
   * Makes the rows read wait for other writers, and keeps those out, until the transaction ends.
   * SQLite has one writer anyway.
   */
  lock: Lock;
  /** As `lock`, but skips rows that another transaction has locked. */
  lockFree: Lock;
  /** Blocks other transactions that lock the same key. */
  readonly lockKey: ((key: string) => Compilable) | undefined;
}

type Lock = <Table extends keyof Schema, Row>(
  query: SelectQueryBuilder<Schema, Table, Row>,
) => SelectQueryBuilder<Schema, Table, Row>;

export function sqliteFlavor(): Flavor {
  return {
    db: new Kysely({
      dialect: {
        createAdapter: () => new SqliteAdapter(),
        createDriver: () => new DummyDriver(),
        createIntrospector: (db) => new SqliteIntrospector(db),
        createQueryCompiler: () => new SqliteQueryCompiler(),
      },
    }),
    text: sql`text`,
    counterShards: 1,
    byKey: (table) => table.modifyEnd(sql`without rowid`) as typeof table,
    isIn: (column, list) => sql`${sql.ref(column)} in (select value from json_each(${list}))`,
    lock: (query) => query,
    lockFree: (query) => query,
    lockKey: undefined,
  };
}

export function postgresFlavor(): Flavor {
  const db = new Kysely<Schema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (of) => new PostgresIntrospector(of),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
  return {
    db,
    text: sql`text collate "C"`,
    counterShards: 16,
    byKey: (table) => table,
    isIn: (column, list) => sql`${sql.ref(column)} = any(${list}::text[])`,
    lock: (query) => query.forUpdate(),
    lockFree: (query) => query.forUpdate().skipLocked(),
    lockKey: (key) =>
      db.selectNoFrom(sql`pg_advisory_xact_lock(hashtextextended(${key}, 0))`.as('locked')),
  };
}
