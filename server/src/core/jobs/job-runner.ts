import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Json } from '../bytes.ts';
import { type Clock, hourMs } from '../clock.ts';
import type { Log } from '../log.ts';
import type { ClaimedJob, JobStore } from '../metadata.ts';
import { own } from '../own.ts';
import { createJobLeases, leaseMs } from './job-leases.ts';

/** Runs one job. Throws to have it retried later. Must be safe to repeat. */
export type JobHandler = (
  payload: Json,
  context: { readonly signal: AbortSignal; readonly attempts: number },
) => Promise<void>;

export interface JobRunner {
  start(): void;
  /** Runs the jobs that are due. Resolves when none is left. For tests. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

export interface JobRunnerOptions {
  readonly jobs: JobStore;
  readonly handlers: Readonly<Record<string, JobHandler>>;
  readonly now: Clock;
  readonly log: Log;
  readonly pollMs?: number;
  readonly renewMs?: number;
  /** Kinds of jobs that wait for now, read before each claim. */
  readonly held?: () => Promise<readonly string[]>;
}

const maxAtOnce = 16;

/**
 * Runs `jobs` on this node, several at once, and retries each with growing waits (up to an hour)
 * until it is done.
 */
export function createJobRunner({
  jobs,
  handlers,
  now,
  log,
  pollMs = 1000,
  renewMs,
  held,
}: JobRunnerOptions): JobRunner {
  const stop = new AbortController();
  const leases = createJobLeases({ jobs, now, log, renewMs });
  const underWay = new Set<Promise<void>>();
  let timer: NodeJS.Timeout | undefined;
  let filling: Promise<boolean> = Promise.resolve(false);

  const run = async (job: ClaimedJob): Promise<void> => {
    const { lost, release } = leases.hold(job);
    const signal = AbortSignal.any([stop.signal, lost]);
    try {
      await own(handlers, job.kind)?.(job.payload, { signal, attempts: job.attempts });
      await jobs.finish(job);
    } catch (error) {
      if (lost.aborted) {
        return;
      }
      // Not a failure of the job: the next start resumes it.
      if (stop.signal.aborted) {
        return jobs.postpone(job, now(), 'The server was stopped.');
      }
      const message = error instanceof Error ? error.message : String(error);
      log.warn(
        { job: job.id, kind: job.kind, attempts: job.attempts, error: message },
        'Job failed; will retry',
      );
      await jobs.postpone(job, now() + backoffMs(job.attempts), message);
    } finally {
      release();
    }
  };
  const launch = (job: ClaimedJob): void => {
    const running = run(job)
      // Its lease expires and the job runs again.
      .catch((error: unknown) =>
        log.error({ err: error, job: job.id }, 'Could not record that a job has ended'),
      )
      .finally(() => underWay.delete(running));
    underWay.add(running);
  };
  /** Claims due jobs for the free slots. Returns whether more may be due. */
  const claim = async (): Promise<boolean> => {
    if (stop.signal.aborted) {
      return false;
    }
    const limit = maxAtOnce - underWay.size;
    if (limit === 0) {
      return true;
    }
    const waiting = (await held?.()) ?? [];
    const kinds = Object.keys(handlers).filter((kind) => !waiting.includes(kind));
    const due = await jobs.claim({ now: now(), leaseMs, limit, kinds });
    due.forEach(launch);
    return due.length === limit;
  };
  const fill = (): Promise<boolean> => {
    filling = filling.then(claim).catch((error: unknown) => {
      log.error({ err: error }, 'Polling the job queue failed');
      return false;
    });
    return filling;
  };
  /** Waits for jobs that end together, because every claim is a transaction. */
  const room = async (): Promise<void> => {
    await Promise.race(underWay);
    await nextTurn();
  };
  const tick = async (): Promise<void> => {
    // Some jobs may hang (a silent backend). The others continue in the remaining slots.
    while (await fill()) {
      await room();
    }
    if (!stop.signal.aborted) {
      timer = setTimeout(tick, pollMs).unref();
    }
  };

  return {
    start: () => void tick(),
    async drain() {
      while ((await fill()) || underWay.size > 0) {
        await room();
      }
    },
    async stop() {
      stop.abort();
      clearTimeout(timer);
      await filling;
      await Promise.all(underWay);
    },
  };
}

function backoffMs(attempts: number): number {
  return Math.min(hourMs, 1000 * 2 ** Math.min(attempts, 20));
}
