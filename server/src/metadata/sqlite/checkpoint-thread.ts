import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { siblingModule } from '../../core/sibling-module.ts';

/**
 * As SQLite defines them: `passive` makes no query wait, `restart` and `truncate` need a moment
 * without writers.
 */
export type CheckpointMode = 'passive' | 'full' | 'restart' | 'truncate';

export interface CheckpointReply {
  /** Everything in the log is in the database file and on disk. */
  readonly isComplete: boolean;
  readonly error?: string;
}

export interface CheckpointThread {
  run(mode: CheckpointMode): Promise<CheckpointReply>;
  close(): Promise<void>;
}

/**
 * A thread with a connection of its own, started at the first checkpoint. Requests are served in
 * order.
 */
export function checkpointThread(path: string): CheckpointThread {
  let worker: Worker | undefined;
  let last: Promise<unknown> = Promise.resolve();

  async function ask(mode: CheckpointMode): Promise<CheckpointReply> {
    try {
      worker ??= start(path, () => {
        worker = undefined;
      });
      return await answer(worker, mode);
    } catch (error) {
      return { isComplete: false, error: String(error) };
    }
  }

  return {
    run(mode) {
      const reply = last.then(() => ask(mode));
      last = reply;
      return reply;
    },
    async close() {
      await last;
      if (!worker) {
        return;
      }
      const ended = once(worker, 'exit');
      worker.ref();
      worker.postMessage('close');
      await ended;
    },
  };
}

function start(path: string, onEnd: () => void): Worker {
  const worker = new Worker(siblingModule(import.meta.url, 'checkpoint-worker'), {
    workerData: { path },
  });
  worker.once('exit', onEnd);
  // Without a listener an error would end the process. `ask` receives it.
  worker.on('error', onEnd);
  worker.unref();
  return worker;
}

async function answer(worker: Worker, mode: CheckpointMode): Promise<CheckpointReply> {
  // The thread keeps the process alive only while a caller waits for its result.
  worker.ref();
  worker.postMessage(mode);
  try {
    const [reply] = await once(worker, 'message');
    return reply as CheckpointReply;
  } finally {
    worker.unref();
  }
}
