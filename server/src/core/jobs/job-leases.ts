import { type Clock, minuteMs } from '../clock.ts';
import type { Log } from '../log.ts';
import type { ClaimedJob, JobStore } from '../metadata.ts';

export const leaseMs = minuteMs;

/** The leases of the jobs that are running on this node, renewed until the jobs end. */
export interface JobLeases {
  /**
   * Holds from the claim to `release`. The signal aborts when another process may have claimed the
   * job.
   */
  hold(job: ClaimedJob): { readonly lost: AbortSignal; release(): void };
}

export interface JobLeasesOptions {
  readonly jobs: Pick<JobStore, 'renew'>;
  readonly now: Clock;
  readonly log: Log;
  readonly renewMs?: number | undefined;
}

interface Held {
  readonly job: ClaimedJob;
  readonly lost: AbortController;
  until: number;
}

export function createJobLeases({
  jobs,
  now,
  log,
  renewMs = leaseMs / 3,
}: JobLeasesOptions): JobLeases {
  const all = new Map<string, Held>();
  let isArmed = false;

  const renew = async (): Promise<void> => {
    const asked = [...all.values()];
    const until = now() + leaseMs;
    const leases = asked.map(({ job }) => job);
    const kept = new Set(await jobs.renew(leases, until));
    for (const held of asked) {
      if (kept.has(held.job.id)) {
        held.until = until;
      } else {
        lose(held);
      }
    }
  };
  const lose = ({ job, lost }: Held): void => {
    // The job may have ended meanwhile.
    if (all.get(job.id)?.lost !== lost) {
      return;
    }
    log.warn(
      { job: job.id, kind: job.kind },
      'A job outlived its lease; another process may be running it too',
    );
    lost.abort();
  };
  const tick = (): void => {
    isArmed = false;
    if (all.size === 0) {
      return;
    }
    renew()
      .catch((error: unknown) => {
        log.warn({ err: error }, 'Could not renew the leases of running jobs');
        for (const held of all.values()) {
          if (held.until <= now()) {
            lose(held);
          }
        }
      })
      .finally(arm);
  };
  function arm(): void {
    if (!isArmed) {
      setTimeout(tick, renewMs).unref();
    }
    isArmed = true;
  }

  return {
    hold(job) {
      const held: Held = { job, lost: new AbortController(), until: job.runAt };
      all.set(job.id, held);
      arm();
      return {
        lost: held.lost.signal,
        release: () => {
          if (all.get(job.id) === held) {
            all.delete(job.id);
          }
        },
      };
    },
  };
}
