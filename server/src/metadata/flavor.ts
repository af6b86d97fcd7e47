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
  readonly database: 'sqlite' | 'postgresql';
  /** Builds and compiles queries without running them. */
  readonly db: Kysely<Schema>;
  /** Text compared byte by byte. */
  readonly text: RawBuilder<string>;
  /** Type of columns for bytes. Undefined where no bytes belong in the database. */
  readonly bytes: RawBuilder<Uint8Array> | undefined;
  /** Number of rows that a counter is spread over. */
  readonly counterShards: number;
  /** The counter row that a file of `files` counts in, as `shardOfFile` computes it. */
  readonly shardOf: RawBuilder<number>;
  /** Text before the first slash. */
  firstSegment(text: RawBuilder<unknown>): RawBuilder<string>;
  /** Whether a column holds this text. */
  contains(column: RawBuilder<unknown>, text: string): RawBuilder<SqlBool>;
  /** The tags of a row of `files`, as rows `tag` with a `value`. */
  readonly eachTag: RawBuilder<unknown>;
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
    database: 'sqlite',
    db: new Kysely({
      dialect: {
        createAdapter: () => new SqliteAdapter(),
        createDriver: () => new DummyDriver(),
        createIntrospector: (db) => new SqliteIntrospector(db),
        createQueryCompiler: () => new SqliteQueryCompiler(),
      },
    }),
    text: sql`text`,
    bytes: sql`blob`,
    counterShards: 1,
    shardOf: sql`0`,
    eachTag: sql`json_each(files.tags) as tag`,
    firstSegment: (text) => sql`substr(${text}, 1, instr(${text} || '/', '/') - 1)`,
    contains: (column, text) => sql`instr(${column}, ${text}) > 0`,
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
    database: 'postgresql',
    db,
    text: sql`text collate "C"`,
    bytes: undefined,
    counterShards: 16,
    shardOf: sql`greatest(strpos('0123456789abcdef', right(id, 1)) - 1, 0)`,
    eachTag: sql`json_array_elements_text(files.tags::json) as tag(value)`,
    firstSegment: (text) => sql`split_part(${text}, '/', 1)`,
    contains: (column, text) => sql`${column} like ${`%${text.replaceAll(/[\\%_]/g, '\\$&')}%`}`,
    byKey: (table) => table,
    isIn: (column, list) => sql`${sql.ref(column)} = any(${list}::text[])`,
    lock: (query) => query.forUpdate(),
    lockFree: (query) => query.forUpdate().skipLocked(),
    lockKey: (key) =>
      db.selectNoFrom(sql`pg_advisory_xact_lock(hashtextextended(${key}, 0))`.as('locked')),
  };
}
