import { checkpointThread } from './checkpoint-thread.ts';
import type { SqliteLog } from './sqlite-log.ts';

/** The log is looked at this often while there are writes. */
const lookMs = 200;
/** Worth a checkpoint. */
const wantedBytes = 4 << 20;
/** From here on writers wait for the log to be emptied. */
const tooLargeBytes = 64 << 20;
/** After a checkpoint that somebody's long read kept from ending. */
const pauseMs = 10_000;

export interface Checkpointer {
  noteWrite(): void;
  /** Resolves when writers may go on. Rejects while what was committed may not be on the disk. */
  ready(): Promise<void>;
  /** After a sync that failed: passes the error on, and lets no further write begin until all is safe in the database file. */
  repair(error: unknown): Promise<never>;
  close(): Promise<void>;
}

/** Moves what was committed from the log to the database file, in another thread, so that the log stays small. */
export function checkpointer(options: {
  readonly path: string;
  readonly file: SqliteLog;
  readonly log?: (message: string) => void;
}): Checkpointer {
  const { path, file, log } = options;
  const thread = checkpointThread(path);
  let timer: NodeJS.Timeout | undefined;
  let writes = 0;
  let held: Promise<unknown> | undefined;
  let isSuspect = false;
  let quietUntil = 0;

  async function look(): Promise<void> {
    const seen = writes;
    const sizeBytes = await file.sizeBytes();
    if (sizeBytes > tooLargeBytes && Date.now() > quietUntil) await empty();
    else if (sizeBytes > wantedBytes) await checkpoint('passive');
    timer = undefined;
    if (writes !== seen) arm();
  }

  /** Most of it is moved while writers go on; only for the rest they wait. */
  async function empty(): Promise<void> {
    await checkpoint('passive');
    const rest = checkpoint('truncate');
    held = rest;
    const isComplete = await rest;
    held = undefined;
    if (!isComplete) quietUntil = Date.now() + pauseMs;
  }

  async function checkpoint(mode: 'passive' | 'full' | 'truncate'): Promise<boolean> {
    const { isComplete, error } = await thread.run(mode);
    if (error !== undefined) log?.(`A checkpoint of the database failed: ${error}`);
    return isComplete;
  }

  function arm(): void {
    timer ??= setTimeout(() => void look().catch((error: unknown) => log?.(String(error))), lookMs).unref();
  }

  return {
    noteWrite() {
      writes++;
      arm();
    },
    async ready() {
      if (held) await held;
      if (isSuspect && !(await checkpoint('full'))) throw new Error('The database cannot be written to disk.');
      isSuspect = false;
    },
    repair(error) {
      isSuspect = true;
      return Promise.reject(error);
    },
    async close() {
      clearTimeout(timer);
      await thread.close();
    },
  };
}
