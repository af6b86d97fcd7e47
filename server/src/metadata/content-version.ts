import type { Engine, Query, Work } from './work.ts';

/**
 * Tables that no response with a file's bytes depends on. A table counts as one that it depends on
 * until it is listed here, so tables that hardly ever change need not be.
 */
const unrelated: ReadonlySet<string> = new Set([
  'accounts',
  'counters',
  'file_tags',
  'files_by_hour',
  'folders',
  'idempotency',
  'jobs',
  'leases',
  'schema_migrations',
  'search_docs',
  'search_pending',
  'sessions',
  'spent_paths',
  'tokens',
  'upload_parts',
  'uploads',
]);

/** The engine, and the version of `MetadataStore.contentVersion` that its statements change. */
export interface WatchedEngine {
  readonly engine: Engine;
  readonly contentVersion: () => number;
}

/**
 * Looks at every statement that could change something on its way to the database, so that no part
 * of the store has to think of it.
 */
export function watchContent(engine: Engine): WatchedEngine {
  let version = 0;

  function* observed<T>(work: Work<T>, seen: { isChange: boolean }): Work<T> {
    let step = work.next(undefined as never);
    while (!step.done) {
      const answer = yield step.value;
      if (changesContent(step.value.sql)) {
        seen.isChange = true;
        // SQLite commits in the same turn of the event loop.
        version++;
      }
      step = work.next(answer);
    }
    return step.value;
  }

  async function transact<T>(work: () => Work<T>, options?: Parameters<Engine['transact']>[1]) {
    const seen = { isChange: false };
    try {
      return await engine.transact(() => observed(work(), seen), options);
    } finally {
      // PostgreSQL shows a change only once it is committed; a failure may hide a commit.
      if (seen.isChange) {
        version++;
      }
    }
  }

  async function write<Row>(query: Query<Row>, options?: Parameters<Engine['write']>[1]) {
    try {
      return await engine.write(query, options);
    } finally {
      if (changesContent(query.sql)) {
        version++;
      }
    }
  }

  return {
    engine: { ...engine, transact, write },
    // Both only grow, so their sum is the same only while both are.
    contentVersion: () => version + engine.foreignVersion(),
  };
}

const known = new Map<string, boolean>();
const maxKnown = 1000;

/** Whether a statement can change or remove what a file, blob or replica is. */
export function changesContent(sql: string): boolean {
  const before = known.get(sql);
  if (before !== undefined) {
    return before;
  }
  if (known.size >= maxKnown) {
    known.clear();
  }
  const isChange = judge(sql);
  known.set(sql, isChange);
  return isChange;
}

function judge(sql: string): boolean {
  if (/^\s*(?:select|pragma)\b/i.test(sql)) {
    return false;
  }
  const writes = [...sql.matchAll(/\b(insert into|update|delete from)\s+"(\w+)"/gi)];
  return (
    writes.length === 0 || writes.some(([, verb = '', table = '']) => changes(verb, table, sql))
  );
}

function changes(verb: string, table: string, sql: string): boolean {
  // What is only added was not there to be read.
  const isAddition = /^insert/i.test(verb) && !/\bdo update\b/i.test(sql);
  return !isAddition && !unrelated.has(table.toLowerCase());
}
