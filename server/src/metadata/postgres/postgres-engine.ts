import type { Pool, PoolClient, QueryConfig, QueryResultRow } from 'pg';
import { fail } from '../../core/errors.ts';
import { createSemaphore, type Semaphore } from '../../core/guard/semaphore.ts';
import { wait } from '../../core/guard/wait.ts';
import type { Answer, Engine, Query, TransactOptions, Work } from '../work.ts';
import { isConflict, isConnectionLost, postgresError } from './postgres-errors.ts';

const maxRuns = 12;
const maxReconnects = 2;

/** The connection broke after the commit was sent, so the transaction may have been committed. */
class OutcomeUnknown extends Error {}

/**
 * After this time nothing new begins, and what is running has one second left. A frozen server must
 * not hold up callers for long.
 */
const callMs = 9_000;
const leastMs = 1_000;
/**
 * How long what another node has changed may go unnoticed by readers that do not ask the database.
 */
const foreignMs = 500;
/** Longer than any migration. */
const longestMs = 3_600_000;

export interface PostgresEngineOptions {
  readonly pool: Pool;
  /** A separate pool with short timeouts, so that probes need not wait behind other queries. */
  readonly probe: Pool;
}

export function postgresEngine({ pool, probe }: PostgresEngineOptions): Engine {
  // The pool's own queue has the short timeout that suits making a connection.
  const places = createSemaphore(pool.options.max);
  /** The pool forgets waiting callers when it is closed. */
  const pending = new Set<Promise<unknown>>();
  let isClosed = false;

  async function call<T>(
    use: (session: Session) => Promise<T>,
    { withoutTimeout = false }: TransactOptions = {},
  ): Promise<T> {
    if (isClosed) {
      throw fail('service_unavailable', { message: 'The database is closed.' });
    }
    const until = performance.now() + (withoutTimeout ? longestMs : callMs);
    const attempt = () => withClient(pool, (client) => use({ client, until }));
    const running = inTurn(places, () => retry(attempt, until));
    pending.add(running);
    try {
      return await running;
    } finally {
      pending.delete(running);
    }
  }

  const read = async <Row>(query: Query<Row>) =>
    (await call((session) => send(session, query))).rows;

  return {
    transact: (work, options = {}) =>
      call((session) => transaction(session, work, options), options),
    write: (query) => call((session) => committing(send(session, query))),
    read,
    readAside: read,
    // Others see a transaction only once it is on disk.
    settled: async () => undefined,
    foreignVersion: () => Math.floor(performance.now() / foreignMs),
    async check() {
      if (isClosed) {
        throw fail('service_unavailable', { message: 'The database is closed.' });
      }
      await checkWritable(probe);
    },
    async time() {
      const [row] = await askProbe<{ readonly at: number }>(
        probe,
        'select extract(epoch from clock_timestamp())::float8 * 1000 as at',
      );
      return row?.at ?? Number.NaN;
    },
    async close() {
      if (isClosed) {
        return;
      }
      isClosed = true;
      await Promise.allSettled(pending);
      await Promise.all([pool.end(), probe.end()]);
    },
  };
}

async function inTurn<T>(places: Semaphore, run: () => Promise<T>): Promise<T> {
  const release = await places.acquire(AbortSignal.timeout(callMs)).catch((cause: unknown) => {
    throw fail('service_unavailable', { message: 'The database is overloaded.', cause });
  });
  try {
    return await run();
  } finally {
    release();
  }
}

/** Returns the connection to the pool, or destroys it when it is no longer usable. */
async function withClient<T>(pool: Pool, use: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let isFit = false;
  try {
    const value = await use(client);
    isFit = true;
    return value;
  } catch (error) {
    isFit = !isConnectionLost(error) && (await isIdle(client));
    throw error;
  } finally {
    client.release(!isFit);
  }
}

async function isIdle(client: PoolClient): Promise<boolean> {
  try {
    await client.query('rollback');
    return true;
  } catch {
    return false;
  }
}

async function askProbe<Row extends QueryResultRow>(
  probe: Pool,
  sql: string,
): Promise<readonly Row[]> {
  const { rows } = await probe
    .query<Row>(sql)
    .catch((error: unknown) => Promise.reject(postgresError(error)));
  return rows;
}

async function checkWritable(probe: Pool): Promise<void> {
  const sql = "select current_setting('transaction_read_only') = 'off' as writable";
  const [row] = await askProbe<{ readonly writable: boolean }>(probe, sql);
  if (row?.writable !== true) {
    throw fail('service_unavailable', { message: 'The database is read-only.' });
  }
}

/** A connection, and the deadline (of `performance.now`) for a result. */
interface Session {
  readonly client: PoolClient;
  readonly until: number;
}

async function transaction<T>(
  session: Session,
  work: () => Work<T>,
  { withoutTimeout = false }: TransactOptions,
): Promise<T> {
  await ask(session, { text: 'begin isolation level read committed' });
  if (withoutTimeout) {
    await ask(session, { text: 'set local statement_timeout = 0; set local lock_timeout = 0' });
  }
  const value = await drive(session, work());
  await committing(ask(session, { text: 'commit' }));
  return value;
}

async function drive<T>(session: Session, work: Work<T>): Promise<T> {
  let step = work.next(undefined as never as Answer);
  while (!step.done) {
    step = work.next(await send(session, step.value));
  }
  return step.value;
}

function ask<Row>({ client, until }: Session, query: QueryConfig) {
  const config = { ...query, query_timeout: Math.max(leastMs, until - performance.now()) };
  return client.query<Row & QueryResultRow>(config);
}

async function send<Row>(session: Session, { sql, name, parameters }: Query<Row>) {
  const { rows, rowCount } = await ask<Row>(session, {
    text: sql,
    values: [...parameters],
    name,
  });
  return { rows: rows as readonly Row[], changes: rowCount ?? 0 };
}

async function committing<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw isConnectionLost(error)
      ? new OutcomeUnknown('The connection to the database broke.', { cause: error })
      : error;
  }
}

/**
 * Retries what another transaction or a broken connection made fail, unless it may have been
 * committed.
 */
async function retry<T>(attempt: () => Promise<T>, until: number): Promise<T> {
  for (let run = 1, reconnects = 0; ; run++) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof OutcomeUnknown) {
        throw postgresError(error.cause);
      }
      const again = isConnectionLost(error)
        ? reconnects++ < maxReconnects
        : isConflict(error) && run < maxRuns;
      if (!again || performance.now() > until) {
        throw postgresError(error);
      }
      await wait(Math.random() * 10 * run);
    }
  }
}
