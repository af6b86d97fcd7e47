import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient, QueryResultRow } from 'pg';
import { fail } from '../core/errors.ts';
import { isConflict, isConnectionLost, postgresError } from './postgres-errors.ts';
import type { Answer, Engine, Query, Work } from './work.ts';

const maxRuns = 12;
const maxReconnects = 2;

type Sender = Pick<PoolClient, 'query'>;

/** Wraps an error after which nobody knows whether the transaction was committed. */
class LostCommit extends Error {}

export function postgresEngine(pool: Pool): Engine {
  let isClosed = false;

  async function transaction<T>(work: () => Work<T>): Promise<T> {
    const client = await pool.connect();
    let broken: unknown;
    try {
      await client.query('begin isolation level read committed');
      const value = await drive(client, work());
      await commit(client);
      return value;
    } catch (error) {
      broken = await rollback(client, error);
      throw error;
    } finally {
      client.release(broken !== undefined);
    }
  }

  /** The pool forgets who waits for a connection when it is closed. */
  const pending = new Set<Promise<unknown>>();
  async function during<T>(run: () => Promise<T>): Promise<T> {
    if (isClosed) throw fail('service_unavailable', { message: 'The database is closed.' });
    const running = run();
    pending.add(running);
    try {
      return await running;
    } finally {
      pending.delete(running);
    }
  }

  return {
    transact: (work) => during(() => retry(() => transaction(work))),
    write: <Row>(query: Query<Row>) => during(() => retry(() => send<Row>(pool, query), { isRepeatable: false })),
    read: async (query) => (await during(() => retry(() => send(pool, query)))).rows,
    async close() {
      if (isClosed) return;
      isClosed = true;
      await Promise.allSettled(pending);
      await pool.end();
    },
  };
}

async function send<Row>(
  sender: Sender,
  { sql, name, parameters }: Query<Row>,
): Promise<{ readonly rows: readonly Row[]; readonly changes: number }> {
  const { rows, rowCount } = await sender.query<Row & QueryResultRow>({
    text: sql,
    values: [...parameters],
    ...(name !== undefined && { name }),
  });
  return { rows, changes: rowCount ?? 0 };
}

async function drive<T>(client: PoolClient, work: Work<T>): Promise<T> {
  let step = work.next(undefined as never as Answer);
  while (!step.done) step = work.next(await send(client, step.value));
  return step.value;
}

async function commit(client: PoolClient): Promise<void> {
  try {
    await client.query('commit');
  } catch (error) {
    throw isConnectionLost(error) ? new LostCommit('The connection broke during commit.', { cause: error }) : error;
  }
}

/** Answers what makes the connection unfit for others. */
async function rollback(client: PoolClient, error: unknown): Promise<unknown> {
  if (error instanceof LostCommit || isConnectionLost(error)) return error;
  return client.query('rollback').then(
    () => undefined,
    (reason: unknown) => reason,
  );
}

/** Runs anew what another transaction or a broken connection spoiled, unless it may have been committed. */
async function retry<T>(attempt: () => Promise<T>, { isRepeatable = true } = {}): Promise<T> {
  for (let run = 1, reconnects = 0; ; run++) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof LostCommit) throw fail('service_unavailable', { message: error.message, cause: error.cause });
      const isLost = isConnectionLost(error);
      const again = isLost ? isRepeatable && reconnects++ < maxReconnects : isConflict(error) && run < maxRuns;
      if (!again) throw postgresError(error);
      await delay(Math.random() * 10 * run);
    }
  }
}
