import { createHash } from 'node:crypto';
import type { Compilable } from 'kysely';
import { fail } from '../core/errors.ts';

type Value = string | number | null | Uint8Array;

/**
 * One statement, ready to send. `name` lets PostgreSQL keep its plan. `Row` is the type of its
 * rows.
 */
export interface Query<Row = unknown> {
  readonly sql: string;
  readonly name?: string;
  readonly parameters: readonly (Value | readonly string[])[];
  readonly row?: Row;
}

export interface Answer {
  readonly rows: readonly unknown[];
  /** Rows written. */
  readonly changes: number;
}

/**
 * A transaction, written once for both databases: it yields one query after the other and receives
 * the results. SQLite runs it from start to end without leaving the event loop, PostgreSQL awaits
 * each result. It may be run again, so it must have no side effects.
 */
export type Work<T> = Generator<Query, T, Answer>;

export interface TransactOptions {
  /** Resolves before the change is durable. */
  readonly lazy?: boolean;
  /**
   * Makes room, or is needed to start. On a full disk it may use the reserve that others may not
   * (`ballast.ts`).
   */
  readonly essential?: boolean;
  /** May take any time, such as a migration. */
  readonly withoutTimeout?: boolean;
}

export const essential: TransactOptions = { essential: true };

export interface Engine {
  /** Runs the work as one transaction. */
  transact<T>(work: () => Work<T>, options?: TransactOptions): Promise<T>;
  /** One statement as a transaction of its own. */
  write<Row>(
    query: Query<Row>,
    options?: TransactOptions,
  ): Promise<{ readonly rows: readonly Row[]; readonly changes: number }>;
  /** One statement that changes nothing. */
  read<Row>(query: Query<Row>): Promise<readonly Row[]>;
  /** The same where other queries need not wait for it. Sees every change that was made before. */
  readAside<Row>(query: Query<Row>): Promise<readonly Row[]>;
  /** As `MetadataStore.settled`. */
  settled(options?: { readonly force?: boolean }): Promise<void>;
  /**
   * Rejects with `service_unavailable` when nothing could be written now. Changes nothing, and does
   * not wait for other queries.
   */
  check(): Promise<void>;
  /**
   * A number that grows when another process has committed something. Where that cannot be seen, it
   * grows several times a second. NaN when the database does not respond.
   */
  foreignVersion(): number;
  /** As `MetadataStore.time`. */
  time?(): Promise<number>;
  close(): Promise<void>;
}

export function* all<Row>(query: Query<Row>): Work<readonly Row[]> {
  return (yield query).rows as readonly Row[];
}

export function* first<Row>(query: Query<Row>): Work<Row | undefined> {
  return (yield query).rows[0] as Row | undefined;
}

/** Returns the number of rows written. */
export function* run(query: Query): Work<number> {
  return (yield query).changes;
}

const slotName = Symbol('slot');
type Values = Readonly<Record<string, Value | readonly string[]>>;

/**
 * A query that is built and compiled once, at its first use. `build` receives stand-ins for the
 * values, by name. Compiling costs more than running it.
 */
export function statement<Slots extends object, Row>(
  build: (slots: Slots) => Compilable<Row>,
): (values: { readonly [Name in keyof Slots]: Slots[Name] }) => Query<Row> {
  let compiled: { sql: string; name: string; parameters: readonly unknown[] } | undefined;
  return (values) => {
    compiled ??= compile(build);
    return {
      ...compiled,
      parameters: compiled.parameters.map((parameter) =>
        fill(parameter, values as unknown as Values),
      ),
    };
  };
}

/** A query without a fixed shape. */
export function dynamic<Row>(query: Compilable<Row>): Query<Row> {
  const { sql, parameters } = query.compile();
  return { sql, parameters: parameters.map((parameter) => fill(parameter, {})) };
}

function compile<Slots extends object, Row>(build: (slots: Slots) => Compilable<Row>) {
  const slots = new Proxy({} as Slots, { get: (_, name) => ({ [slotName]: name }) });
  const { sql, parameters } = build(slots).compile();
  return {
    sql,
    parameters,
    name: `stowage_${createHash('sha256').update(sql).digest('hex').slice(0, 16)}`,
  };
}

function fill(parameter: unknown, values: Values): Value | readonly string[] {
  const isSlot = typeof parameter === 'object' && parameter !== null && slotName in parameter;
  const value = isSlot ? values[parameter[slotName] as string] : (parameter as Value);
  if (value === undefined) {
    throw new TypeError(`No value for ${isSlot ? String(parameter[slotName]) : 'a parameter'}`);
  }
  if (typeof value === 'string') {
    assertText(value);
  } else if (Array.isArray(value)) {
    value.forEach(assertText);
  }
  return value;
}

/**
 * PostgreSQL stores no U+0000, and neither database a lone surrogate. Both refuse them, rather than
 * change the text. JSON escapes both, so it may hold them.
 */
function assertText(text: string): void {
  if (text.includes('\0') || !text.isWellFormed()) {
    throw fail('bad_request', { message: 'Text must not contain U+0000 or a lone surrogate.' });
  }
}
