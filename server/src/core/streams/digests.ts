import { Worker } from 'node:worker_threads';
import type { ByteSource } from '../bytes.ts';
import { fail } from '../errors.ts';
import { siblingModule } from '../sibling-module.ts';

export type DigestAlgorithm = 'sha256' | 'md5';
export type Digests = Readonly<Partial<Record<DigestAlgorithm, string>>>;

/**
 * Hashes that a caller asks for (SHA-256, MD5), computed in a worker thread so that the event loop
 * stays free.
 */
export interface DigestService {
  /**
   * Passes the bytes through unchanged; when the source has ended, `digests` resolves with hex
   * digests. Holds at most 4 MiB that the worker has not hashed yet.
   */
  tap(
    source: ByteSource,
    algorithms: readonly DigestAlgorithm[],
  ): { readonly source: ByteSource; readonly digests: Promise<Digests> };
  close(): Promise<void>;
}

/** Hex SHA-256 of all bytes. Keeps none of them. */
export async function sha256Of(
  source: ByteSource,
  digests: Pick<DigestService, 'tap'>,
): Promise<string> {
  const tapped = digests.tap(source, ['sha256']);
  for await (const _chunk of tapped.source) {
    // Hashed on its way.
  }
  const { sha256 } = await tapped.digests;
  if (sha256 === undefined) {
    throw fail('internal_error');
  }
  return sha256;
}

const maxOutstandingBytes = 4 * 1024 * 1024;

interface Body {
  readonly id: number;
  readonly algorithms: readonly DigestAlgorithm[];
}

/** What the worker is sent; replied to, except to `drop`. */
export type DigestRequest =
  | (Body & { readonly kind: 'chunk'; readonly chunk: Uint8Array })
  | (Body & { readonly kind: 'end' })
  | { readonly kind: 'drop'; readonly id: number };

/** `bytes` of a chunk that were hashed, or the digests of a body that has ended. */
export interface DigestReply {
  readonly id: number;
  readonly bytes?: number;
  readonly digests?: Digests;
}

interface Task {
  outstandingBytes: number;
  wake: () => void;
  readonly resolve: (digests: Digests) => void;
  readonly reject: (error: unknown) => void;
}

/** The worker starts with the first task and keeps the process alive only while it has work. */
export function createDigestService(): DigestService {
  const tasks = new Map<number, Task>();
  let worker: Worker | undefined;
  let lastId = 0;

  const start = (): Worker => {
    const started = new Worker(siblingModule(import.meta.url, 'digest-worker'));
    started.unref();
    started.on('message', (answer: DigestReply) => settle(tasks, answer));
    started.on('error', (cause) => {
      worker = undefined;
      const failed = [...tasks.values()];
      tasks.clear();
      for (const task of failed) {
        task.reject(fail('internal_error', { cause }));
        // The queue is read no more: a writer that waits for room continues without it.
        task.outstandingBytes = Number.NEGATIVE_INFINITY;
        task.wake();
      }
    });
    return started;
  };

  return {
    tap(source, algorithms) {
      worker ??= start();
      const id = ++lastId;
      const { promise, resolve, reject } = Promise.withResolvers<Digests>();
      promise.catch(() => undefined);
      const task: Task = { outstandingBytes: 0, wake: () => {}, resolve, reject };
      tasks.set(id, task);
      return { source: feed({ id, task, algorithms, source, worker, tasks }), digests: promise };
    },
    close: async () => {
      await worker?.terminate();
    },
  };
}

interface Feed {
  readonly id: number;
  readonly task: Task;
  readonly algorithms: readonly DigestAlgorithm[];
  readonly source: ByteSource;
  readonly worker: Worker;
  readonly tasks: Map<number, Task>;
}

async function* feed({
  id,
  task,
  algorithms,
  source,
  worker,
  tasks,
}: Feed): AsyncGenerator<Uint8Array> {
  const send = (request: DigestRequest, transfer: ArrayBuffer[] = []): void =>
    worker.postMessage(request, transfer);
  let complete = false;
  try {
    for await (const chunk of source) {
      while (task.outstandingBytes >= maxOutstandingBytes) {
        await new Promise<void>((resolve) => (task.wake = resolve));
      }
      task.outstandingBytes += chunk.length;
      const copy = new Uint8Array(chunk);
      send({ kind: 'chunk', id, algorithms, chunk: copy }, [copy.buffer]);
      yield chunk;
    }
    complete = true;
    send({ kind: 'end', id, algorithms });
  } finally {
    if (!complete) {
      tasks.delete(id);
      send({ kind: 'drop', id });
      task.reject(fail('client_closed', { message: 'The source ended early.' }));
    }
  }
}

function settle(tasks: Map<number, Task>, answer: DigestReply): void {
  const task = tasks.get(answer.id);
  if (task === undefined) {
    return;
  }
  task.outstandingBytes -= answer.bytes ?? 0;
  task.wake();
  if (answer.digests === undefined) {
    return;
  }
  tasks.delete(answer.id);
  task.resolve(answer.digests);
}
