import type { Json } from './bytes.ts';
import type { Ref } from './channel.ts';
import { type Clock, hourMs, minuteMs } from './clock.ts';
import type { Log } from './log.ts';
import type { Job, JobStore, NewJob, Segment } from './metadata.ts';
import { uuidv7 } from './uuid.ts';

/** Does one job; throws to have it tried again later. Must be safe to repeat. */
export type JobHandler = (payload: Json, context: { readonly signal: AbortSignal; readonly attempts: number }) => Promise<void>;

export interface JobRunner {
  start(): void;
  /** Runs what is due now; resolves when nothing due is left. For tests and for `stop`-like moments. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

export interface JobRunnerOptions {
  readonly jobs: JobStore;
  readonly handlers: Readonly<Record<string, JobHandler>>;
  readonly now: Clock;
  readonly log: Log;
  readonly pollMs?: number;
}

const leaseMs = 10 * minuteMs;
const batchSize = 16;

/** Works off `jobs` on this node, retrying with growing waits (up to an hour) until each is done. */
export function createJobRunner({ jobs, handlers, now, log, pollMs = 1000 }: JobRunnerOptions): JobRunner {
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<number> = Promise.resolve(0);

  const runOne = async (job: Job): Promise<void> => {
    try {
      await handlers[job.kind]?.(job.payload, { signal: stop.signal, attempts: job.attempts });
      await jobs.done([job.id]);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      log.warn({ job: job.id, kind: job.kind, attempts: job.attempts, error: message }, 'Job failed, it will be tried again');
      await jobs.retry(job.id, now() + backoffMs(job.attempts), message);
    }
  };
  const runDue = async (): Promise<number> => {
    if (stop.signal.aborted) return 0;
    const due = await jobs.claim({ now: now(), leaseMs, limit: batchSize, kinds: Object.keys(handlers) });
    await Promise.all(due.map(runOne));
    return due.length;
  };
  const runDueSafely = (): Promise<number> => {
    running = running.then(runDue).catch((error: unknown) => {
      log.error({ err: error }, 'Jobs cannot be worked off');
      return 0;
    });
    return running;
  };
  const tick = async (): Promise<void> => {
    const done = await runDueSafely();
    if (!stop.signal.aborted) timer = setTimeout(tick, done === batchSize ? 0 : pollMs).unref();
  };

  return {
    start: () => void tick(),
    async drain() {
      while ((await runDueSafely()) > 0);
    },
    async stop() {
      stop.abort();
      clearTimeout(timer);
      await running;
    },
  };
}

/** The job that removes one object from its channel. */
export function deleteObjectJob(channelId: string, segment: Pick<Segment, 'ref'>, runAt: number): NewJob {
  return { id: uuidv7(), kind: 'delete_object', payload: { channelId, ref: segment.ref }, runAt };
}

export interface Reclaim {
  readonly channelId: string;
  readonly ref: Ref;
  /** Of the blob that the object is for: once the library knows it, the object stays. */
  readonly storageId: string;
}

/** Written before bytes go out to a remote store: removes the object unless the library has come to promise it. */
export function reclaimObjectJob({ channelId, ref, storageId }: Reclaim, runAt: number): NewJob {
  return { id: uuidv7(), kind: 'reclaim_object', payload: { channelId, ref, storageId }, runAt };
}

function backoffMs(attempts: number): number {
  return Math.min(hourMs, 1000 * 2 ** Math.min(attempts, 20));
}
