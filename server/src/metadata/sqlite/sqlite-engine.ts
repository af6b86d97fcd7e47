import { setImmediate as nextTurn } from 'node:timers/promises';
import { fail } from '../../core/errors.ts';
import { wait } from '../../core/guard/wait.ts';
import type { Answer, Engine, Query, TransactOptions, Work } from '../work.ts';
import type { SqliteConnection } from './sqlite-connection.ts';
import { isBusy, isFull, losesTransaction, sqliteError } from './sqlite-errors.ts';

/** Longest stretch of work before the event loop gets a turn. */
const batchMs = 4;
/** How long another process may keep the database locked. */
const busyMs = 10_000;

interface Task {
  readonly work: () => Work<unknown>;
  readonly lazy: boolean;
  readonly essential: boolean;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

interface Outcome {
  readonly task: Task;
  readonly value?: unknown;
  readonly error?: unknown;
}

export interface SqliteEngineOptions {
  readonly connection: SqliteConnection;
  /**
   * Called before every commit. Waits while writers must keep out. Rejects when nothing can be
   * promised.
   */
  readonly ready: () => Promise<void>;
  /** With the bytes of small objects written so far. */
  readonly onCommit: (rowBytes: number) => void;
  /** Resolves when all earlier commits are durable. */
  readonly sync: () => Promise<void>;
  readonly room?: Room | undefined;
  /** Runs long reads in a thread of their own. Default: with all others. */
  readonly reader?: Pick<Engine, 'read'> | undefined;
  readonly close: () => Promise<void>;
}

/** Ways to handle a full disk. */
export interface Room {
  /** Whether only essential writes are allowed. */
  isShort(): boolean;
  /** Frees what it can. False when there is nothing to free. */
  make(): Promise<boolean>;
}

/**
 * Commits transactions that arrive together (or while the disk is busy) as one, with one sync. When
 * one of them fails, which is rare, all are run again, each behind a savepoint.
 */
export function sqliteEngine({
  connection,
  ready,
  onCommit,
  sync,
  room,
  reader,
  close,
}: SqliteEngineOptions): Engine {
  const queue: Task[] = [];
  let draining: Promise<void> | undefined;
  let isClosed = false;
  /**
   * The last write failed, and not for lack of space. Only another write shows whether the disk has
   * recovered.
   */
  let isFailing = false;
  /** The version of others' commits, as far as this turn of the event loop has seen it. */
  let foreign: number | undefined;
  let commits = 0;
  /** Number of commits known to be on disk. */
  let durableCommits = 0;

  async function drain(): Promise<void> {
    // Other writes of this turn of the event loop join the group.
    for (await nextTurn(); queue.length > 0; await nextTurn()) {
      if (room?.isShort()) {
        refuseOthers(fail('disk_full', { message: 'The database has no space left.' }));
      }
      await settle(await commitNext());
    }
    draining = undefined;
  }

  async function commitNext(): Promise<readonly Outcome[]> {
    try {
      return (await commitQueue(run)) ?? (await commitQueue(runGuarded)) ?? [];
    } catch (error) {
      isFailing = !isFull(error);
      const hasRoom = isFull(error) && ((await room?.make()) ?? false);
      if (hasRoom) {
        refuseOthers(sqliteError(error));
      } else {
        for (const task of queue.splice(0)) {
          task.reject(sqliteError(error));
        }
      }
      return [];
    }
  }

  /** Reserves the remaining space for essential writes. */
  function refuseOthers(error: unknown): void {
    for (const task of queue.splice(0)) {
      if (task.essential) {
        queue.push(task);
      } else {
        task.reject(error);
      }
    }
  }

  function begin(): void {
    // A transaction is open here only when even the rollback failed.
    if (connection.inTransaction) {
      connection.exec('rollback');
    }
    connection.exec('begin immediate');
  }

  async function commitQueue(runTask: RunTask): Promise<readonly Outcome[] | undefined> {
    await retryBusy(async () => {
      await ready();
      begin();
    });
    return commitBatch(runTask);
  }

  /** Undefined when everything is undone and a run with savepoints can find the cause. */
  function commitBatch(runTask: RunTask): readonly Outcome[] | undefined {
    const taken = [...queue];
    const until = performance.now() + batchMs;
    const outcomes: Outcome[] = [];
    try {
      for (const task of taken) {
        outcomes.push(runTask(connection, task));
        if (performance.now() > until) {
          break;
        }
      }
      connection.exec('commit');
      commits++;
      onCommit(connection.rowBytes);
      queue.splice(0, outcomes.length);
      return outcomes;
    } catch (error) {
      if (connection.inTransaction) {
        connection.exec('rollback');
      }
      if (runTask === run && !losesTransaction(error)) {
        return undefined;
      }
      throw error;
    }
  }

  async function settle(outcomes: readonly Outcome[]): Promise<void> {
    const [lazy, durable] = [
      outcomes.filter(({ task }) => task.lazy),
      outcomes.filter(({ task }) => !task.lazy),
    ];
    for (const outcome of lazy) {
      answer(outcome);
    }
    if (durable.length === 0) {
      return;
    }
    try {
      await syncCommits();
      for (const outcome of durable) {
        answer(outcome);
      }
    } catch (error) {
      for (const { task } of durable) {
        task.reject(error);
      }
    }
  }

  async function syncCommits(): Promise<void> {
    const upTo = commits;
    try {
      await sync();
      isFailing = false;
      durableCommits = Math.max(durableCommits, upTo);
    } catch (cause) {
      isFailing = true;
      throw fail('service_unavailable', {
        message: 'The database could not be written to disk.',
        cause,
      });
    }
  }

  function transact<T>(
    work: () => Work<T>,
    { lazy = false, essential = false }: TransactOptions = {},
  ): Promise<T> {
    if (isClosed) {
      return Promise.reject(fail('service_unavailable', { message: 'The database is closed.' }));
    }
    return new Promise<T>((resolve, reject) => {
      queue.push({ work, lazy, essential, resolve, reject });
      draining ??= drain();
    });
  }

  async function read<Row>(query: Query<Row>): Promise<readonly Row[]> {
    const once = () => connection.execute(query).rows as readonly Row[];
    try {
      return once();
    } catch (error) {
      if (!isBusy(error)) {
        throw sqliteError(error);
      }
      return retryBusy(once).catch((again: unknown) => Promise.reject(sqliteError(again)));
    }
  }

  /** Asked once in a turn of the event loop, because it costs as much as a lookup. */
  function foreignVersion(): number {
    if (isClosed) {
      return Number.NaN;
    }
    if (foreign === undefined) {
      foreign = connection.dataVersion();
      setImmediate(() => {
        foreign = undefined;
      });
    }
    return foreign;
  }

  return {
    transact,
    write: <Row>(query: Query<Row>, options?: TransactOptions) =>
      transact(function* () {
        const { rows, changes } = yield query;
        return { rows: rows as readonly Row[], changes };
      }, options),
    read,
    readAside: (query) => {
      if (isClosed) {
        return Promise.reject(closed());
      }
      return reader === undefined ? read(query) : reader.read(query);
    },
    foreignVersion,
    async settled({ force = false } = {}) {
      if (durableCommits === commits && !force) {
        return;
      }
      await ready();
      await syncCommits();
    },
    async check() {
      if (isClosed) {
        throw fail('service_unavailable', { message: 'The database is closed.' });
      }
      if (isFailing) {
        await transact(writeSomething, { essential: true });
      } else {
        await read({ sql: 'select count(*) from sqlite_schema', parameters: [] });
      }
    },
    async close() {
      if (isClosed) {
        return;
      }
      isClosed = true;
      await draining;
      await close();
    },
  };
}

function closed() {
  return fail('service_unavailable', { message: 'The database is closed.' });
}

type RunTask = (connection: SqliteConnection, task: Task) => Outcome;

function run(connection: SqliteConnection, task: Task): Outcome {
  return { task, value: drive(connection, task.work()) };
}

/** A task that fails leaves nothing behind and does not affect the others. */
function runGuarded(connection: SqliteConnection, task: Task): Outcome {
  connection.exec('savepoint task');
  try {
    const value = drive(connection, task.work());
    connection.exec('release task');
    return { task, value };
  } catch (error) {
    if (losesTransaction(error) || !connection.inTransaction) {
      throw error;
    }
    connection.exec('rollback to task');
    connection.exec('release task');
    return { task, error: sqliteError(error) };
  }
}

/** Changes nothing, but writes to the log. */
function* writeSomething(): Work<void> {
  yield { sql: 'pragma user_version = 0', parameters: [] };
}

function drive<T>(connection: SqliteConnection, work: Work<T>): T {
  let step = work.next(undefined as never as Answer);
  while (!step.done) {
    step = work.next(connection.execute(step.value));
  }
  return step.value;
}

function answer({ task, value, error }: Outcome): void {
  if (error === undefined) {
    task.resolve(value as never);
  } else {
    task.reject(error);
  }
}

/** Another process (the CLI) may hold the lock. Waits for it without blocking the event loop. */
async function retryBusy<T>(attempt: () => T | Promise<T>): Promise<T> {
  const until = Date.now() + busyMs;
  for (let waitMs = 1; ; waitMs = Math.min(20, 2 * waitMs)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isBusy(error) || Date.now() > until) {
        throw error;
      }
      await wait(waitMs);
    }
  }
}
