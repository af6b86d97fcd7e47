import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fail } from '../../core/errors.ts';
import { type CheckpointMode, checkpointThread } from './checkpoint-thread.ts';
import type { SqliteLog } from './sqlite-log.ts';

export interface CheckpointerOptions {
  /** Of the database. */
  readonly path: string;
  readonly file: SqliteLog;
  readonly log?: ((message: string) => void) | undefined;
  readonly limits?: CheckpointLimits;
}

export interface CheckpointLimits {
  /** Interval at which the log is checked while there are writes. */
  readonly lookMs: number;
  /**
   * A checkpoint is due when the log has this size and so many commits have been made since the
   * last one (its space is reused without shrinking).
   */
  readonly wantedBytes: number;
  readonly wantedCommits: number;
  /**
   * Also due when so many bytes of small objects wait in the log, or half of the ballast: on a full
   * disk, moving them takes room that the ballast must have.
   */
  readonly wantedRowBytes: number;
  /** From this size on, writers wait until the log is emptied. */
  readonly tooLargeBytes: number;
  /** Time until the next attempt when a long read kept the log from being emptied. */
  readonly pauseMs: number;
}

const defaults: CheckpointLimits = {
  lookMs: 200,
  wantedBytes: 4 << 20,
  wantedCommits: 100,
  wantedRowBytes: 8 << 20,
  tooLargeBytes: 64 << 20,
  pauseMs: 10_000,
};

export interface Checkpointer {
  noteCommit(rowBytes: number): void;
  /**
   * Resolves when writers may continue. Rejects with `service_unavailable` while committed changes
   * may not be on disk.
   */
  ready(): Promise<void>;
  /**
   * Called after a failed sync: holds back further writes until everything is safe in the database
   * file. Rejects with `error`.
   */
  repair(error: unknown): Promise<never>;
  /**
   * For a full disk: moves everything to the database file and truncates the log. False when the
   * log was empty already, or cannot be emptied.
   */
  shrink(): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * Moves committed changes from the log to the database file, in another thread, so that the log
 * stays small.
 */
export function checkpointer({
  path,
  file,
  log,
  limits = defaults,
}: CheckpointerOptions): Checkpointer {
  const thread = checkpointThread(path);
  let timer: NodeJS.Timeout | undefined;
  let commits = 0;
  let commitsAtLast = 0;
  const wantedRowBytes = Math.min(limits.wantedRowBytes, halfOfBallast(path));
  let rowBytes = 0;
  let rowBytesAtLast = 0;
  let held: Promise<unknown> | undefined;
  let isSuspect = false;
  let quietUntil = 0;

  async function look(): Promise<void> {
    const seen = commits;
    try {
      const sizeBytes = await file.sizeBytes();
      if (sizeBytes > limits.tooLargeBytes && Date.now() >= quietUntil) {
        await empty();
      } else if (
        rowBytes - rowBytesAtLast >= wantedRowBytes ||
        (sizeBytes > limits.wantedBytes && commits - commitsAtLast >= limits.wantedCommits)
      ) {
        await checkpoint('passive');
      }
    } catch (error) {
      log?.(`A checkpoint of the database failed: ${error}`);
    }
    timer = undefined;
    if (commits !== seen) {
      arm();
    }
  }

  /** Moves most of it while writers continue. They wait only for the rest. */
  async function empty(): Promise<void> {
    await checkpoint('passive');
    const rest = checkpoint('truncate');
    held = rest;
    const isComplete = await rest;
    held = undefined;
    if (!isComplete) {
      quietUntil = Date.now() + limits.pauseMs;
    }
  }

  async function checkpoint(mode: CheckpointMode): Promise<boolean> {
    commitsAtLast = commits;
    rowBytesAtLast = rowBytes;
    const { isComplete, error } = await thread.run(mode);
    if (error !== undefined) {
      log?.(`A checkpoint of the database failed: ${error}`);
    }
    return isComplete;
  }

  function arm(): void {
    timer ??= setTimeout(() => void look(), limits.lookMs).unref();
  }

  return {
    noteCommit(bytes) {
      commits++;
      rowBytes = bytes;
      arm();
    },
    async ready() {
      if (held) {
        await held;
      }
      if (isSuspect && !(await checkpoint('full'))) {
        throw fail('service_unavailable', {
          message: 'The database cannot be written to disk at the moment.',
        });
      }
      isSuspect = false;
    },
    repair(error) {
      isSuspect = true;
      return Promise.reject(error);
    },
    async shrink() {
      return (await file.sizeBytes()) > 0 && checkpoint('truncate');
    },
    async close() {
      clearTimeout(timer);
      await thread.close();
    },
  };
}

/** `ballast.ts` takes a hundredth of a small disk. */
function halfOfBallast(path: string): number {
  const { blocks, bsize } = statfsSync(dirname(path));
  return (blocks * bsize) / 200;
}
