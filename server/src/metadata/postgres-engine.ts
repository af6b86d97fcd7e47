import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient, QueryResultRow } from 'pg';
import { fail } from '../core/errors.ts';
import { createSemaphore, type Semaphore } from '../core/semaphore.ts';
import { isConflict, isConnectionLost, postgresError } from './postgres-errors.ts';
import type { Answer, Engine, Query, Work } from './work.ts';

const maxRuns = 12;
const maxReconnects = 2;

/** The connection broke after the statement that commits was sent: it may have been carried out. */
class OutcomeUnknown extends Error {}

/** Longest wait for a connection while others use them all. */
const turnMs = 20_000;

export function postgresEngine(pool: Pool): Engine {
  // The pool's own queue has the short time-out that is right for making a connection.
  const places = createSemaphore(pool.options.max);
  /** The pool forgets who waits for a connection when it is closed. */
  const pending = new Set<Promise<unknown>>();
  let isClosed = false;

  async function call<T>(use: (client: PoolClient) => Promise<T>): Promise<T> {
    if (isClosed) throw fail('service_unavailable', { message: 'The database is closed.' });
    const running = inTurn(places, () => retry(() => withClient(pool, use)));
    pending.add(running);
    try {
      return await running;
    } finally {
      pending.delete(running);
    }
  }

  return {
    transact: (work) => call((client) => transaction(client, work)),
    write: (query) => call((client) => committing(send(client, query))),
    read: async (query) => (await call((client) => send(client, query))).rows,
    async close() {
      if (isClosed) return;
      isClosed = true;
      await Promise.allSettled(pending);
      await pool.end();
    },
  };
}

async function inTurn<T>(places: Semaphore, run: () => Promise<T>): Promise<T> {
  const release = await places.acquire(AbortSignal.timeout(turnMs)).catch((cause: unknown) => {
    throw fail('service_unavailable', { message: 'The database has more to do than it can.', cause });
  });
  try {
    return await run();
  } finally {
    release();
  }
}

/** Gives the connection back, or does away with it when it is of no further use. */
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

async function transaction<T>(client: PoolClient, work: () => Work<T>): Promise<T> {
  await client.query('begin isolation level read committed');
  const value = await drive(client, work());
  await committing(client.query('commit'));
  return value;
}

async function drive<T>(client: PoolClient, work: Work<T>): Promise<T> {
  let step = work.next(undefined as never as Answer);
  while (!step.done) step = work.next(await send(client, step.value));
  return step.value;
}

async function send<Row>(client: PoolClient, { sql, name, parameters }: Query<Row>) {
  const { rows, rowCount } = await client.query<Row & QueryResultRow>({
    text: sql,
    values: [...parameters],
    ...(name !== undefined && { name }),
  });
  return { rows: rows as readonly Row[], changes: rowCount ?? 0 };
}

async function committing<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw isConnectionLost(error) ? new OutcomeUnknown('The connection to the database broke.', { cause: error }) : error;
  }
}

/** Runs anew what another transaction or a broken connection spoiled, unless it may have been committed. */
async function retry<T>(attempt: () => Promise<T>): Promise<T> {
  for (let run = 1, reconnects = 0; ; run++) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof OutcomeUnknown) throw postgresError(error.cause);
      const again = isConnectionLost(error) ? reconnects++ < maxReconnects : isConflict(error) && run < maxRuns;
      if (!again) throw postgresError(error);
      await delay(Math.random() * 10 * run);
    }
  }
}
