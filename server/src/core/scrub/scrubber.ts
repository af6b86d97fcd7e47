import type { Json } from '../bytes.ts';
import { type Clock, dayMs, minuteMs } from '../clock.ts';
import { takeLease } from '../jobs/lease.ts';
import type { Log } from '../log.ts';
import type { MetadataStore, ReplicaKey } from '../metadata.ts';
import type { ChannelPool } from '../storage/channel-pool.ts';
import type { DigestService } from '../streams/digests.ts';
import { type ReplicaCheck, type ScrubOptions, scrubPage } from './scrub-replicas.ts';
import { createThrottle } from './throttle.ts';

/**
 * Reads stored bytes in the background, a little at a time, and compares them with their hashes.
 */
export interface Scrubber {
  start(): void;
  /** Resumes at the stored position, until all copies are checked or nothing is due. For tests. */
  run(): Promise<void>;
  stop(): Promise<void>;
}

export interface ScrubberOptions {
  readonly metadata: Pick<MetadataStore, 'replicas' | 'jobs' | 'leases' | 'settings'>;
  readonly pool: ChannelPool;
  readonly spoolFolder: string;
  readonly digests: Pick<DigestService, 'tap'>;
  /** 0 turns it off. */
  readonly bytesPerSecond: number;
  readonly everyDays: number;
  /** Whether remote channels are read too. */
  readonly remote: boolean;
  readonly now: Clock;
  readonly log: Log;
  readonly onChecked: (check: ReplicaCheck) => void;
}

export const scrubLease = 'scrub';
const progressName = 'scrub.progress';

interface Progress {
  readonly startedAt: number;
  /** The last replica that was checked. */
  readonly after: ReplicaKey | null;
  readonly finishedAt: number | null;
}

/** One node at a time works. The others check once a minute whether it is still alive. */
export function createScrubber(options: ScrubberOptions): Scrubber {
  const { metadata, pool, bytesPerSecond, now, log } = options;
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  const isDue = ({ startedAt, finishedAt }: Progress): boolean =>
    finishedAt === null || now() >= startedAt + options.everyDays * dayMs;

  const scrub = async (): Promise<void> => {
    if (!isDue(await readProgress(metadata, now()))) {
      return;
    }
    const lease = await takeLease(metadata.leases, { name: scrubLease, now });
    if (lease === undefined) {
      return;
    }
    lease.keep();
    try {
      await scrubAll({ options, pageOptions: pageOptions(), isHeld: lease.isHeld });
    } finally {
      await lease.release();
    }
  };
  const pageOptions = (): ScrubOptions => ({
    ...options,
    channelIds: scrubbedChannels(pool, options.remote),
    throttle: createThrottle(bytesPerSecond),
    signal: stop.signal,
  });
  const tick = (): void => {
    running = scrub()
      .catch((error: unknown) => {
        if (!stop.signal.aborted) {
          log.error({ err: error }, 'Checking the stored copies failed; will retry');
        }
      })
      .then(arm);
  };
  const arm = (): void => {
    if (!stop.signal.aborted) {
      timer = setTimeout(tick, minuteMs).unref();
    }
  };

  return {
    start: () => {
      if (bytesPerSecond > 0) {
        arm();
      }
    },
    run: scrub,
    async stop() {
      stop.abort();
      clearTimeout(timer);
      await running;
    },
  };
}

/** Ids of the channels whose replicas are read. */
export function scrubbedChannels(pool: ChannelPool, remote: boolean): readonly string[] {
  return pool
    .all()
    .filter(({ channel }) => remote || !channel.remote)
    .map(({ id }) => id);
}

interface Run {
  readonly options: ScrubberOptions;
  readonly pageOptions: ScrubOptions;
  readonly isHeld: () => boolean;
}

async function scrubAll({ options, pageOptions, isHeld }: Run): Promise<void> {
  const { metadata, now, log } = options;
  let progress = nextRound(await readProgress(metadata, now()), now());
  while (isHeld()) {
    pageOptions.signal.throwIfAborted();
    const last = await scrubPage(pageOptions, progress.after ?? undefined);
    progress = {
      ...progress,
      after: last ?? progress.after,
      finishedAt: last === undefined ? now() : null,
    };
    await metadata.settings.set(progressName, progress as unknown as Json);
    if (last !== undefined) {
      continue;
    }
    log.info(
      { startedAt: new Date(progress.startedAt).toISOString() },
      'Checked all stored copies',
    );
    return;
  }
}

function nextRound(progress: Progress, now: number): Progress {
  return progress.finishedAt === null
    ? progress
    : { startedAt: now, after: null, finishedAt: null };
}

async function readProgress(
  { settings }: Pick<MetadataStore, 'settings'>,
  now: number,
): Promise<Progress> {
  const stored = (await settings.get(progressName)) as Progress | undefined;
  return stored ?? { startedAt: now, after: null, finishedAt: null };
}
