import { type Clock, hourMs, minuteMs } from '../clock.ts';
import type { Log } from '../log.ts';
import type { MetadataStore, Upload, UploadKind } from '../metadata.ts';
import type { ChannelPool, ConfiguredChannel } from '../storage/channel-pool.ts';
import { storageIdOf } from '../storage/storage-key.ts';
import { createJumpGuard } from './clock-jump.ts';

/** Removes expired rows and what crashes left over. */
export interface Maintenance {
  /** Runs once at start: removes local objects that no row promises. */
  reclaim(): Promise<number>;
  /** Removes expired uploads with their bytes, old idempotency keys and expired tokens. */
  sweep(): Promise<number>;
  /** Sweeps once a minute. */
  start(): void;
  stop(): Promise<void>;
}

export interface MaintenanceOptions {
  readonly metadata: MetadataStore;
  readonly pool: ChannelPool;
  /** Further clean-up of this node, run with each sweep. */
  readonly alsoSweep?: (() => Promise<void>) | undefined;
  readonly removeExpired: Readonly<Record<UploadKind, (upload: Upload) => Promise<boolean>>>;
  readonly now: Clock;
  readonly log: Log;
}

const batch = 200;

export function createMaintenance({
  metadata,
  pool,
  alsoSweep,
  removeExpired,
  now,
  log,
}: MaintenanceOptions): Maintenance {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<unknown> = Promise.resolve();
  let stopped = false;

  const removeOne = async (upload: Upload): Promise<'removed' | 'changed' | 'postponed'> => {
    try {
      return (await removeExpired[upload.kind](upload)) ? 'removed' : 'changed';
    } catch (error) {
      log.warn({ upload: upload.id, err: error }, 'Could not remove an expired upload; will retry');
      // Postponed, so that it does not block the uploads behind it.
      await metadata.uploads.update(upload.id, upload.version, { expiresAt: now() + hourMs });
      return 'postponed';
    }
  };
  const sweepUploads = async (): Promise<number> => {
    let removed = 0;
    while (!stopped) {
      const expired = await metadata.uploads.expired(now(), batch);
      const results = await Promise.all(expired.map(removeOne));
      removed += results.filter((result) => result === 'removed').length;
      if (expired.length < batch || results.every((result) => result === 'changed')) {
        break;
      }
    }
    return removed;
  };
  const sweep = async (): Promise<number> => {
    const removed = await sweepUploads();
    await metadata.idempotency.removeExpired(now());
    await metadata.tokens.removeExpired(now());
    await metadata.sessions.removeExpired(now());
    await alsoSweep?.();
    if (removed > 0) {
      log.info({ removed }, 'Removed expired uploads');
    }
    return removed;
  };
  const clockState = createJumpGuard(now);
  /** Nothing is removed because of a clock that is wrong for a moment. */
  const sweepUnlessJumped = async (): Promise<unknown> => {
    const state = clockState();
    if (state === 'jumped') {
      log.warn({}, 'The clock jumped ahead; nothing expires for the next ten minutes');
    }
    return state === 'steady' ? sweep() : undefined;
  };
  const tick = (): void => {
    running = sweepUnlessJumped()
      .catch((error: unknown) => log.error({ err: error }, 'The clean-up sweep failed; will retry'))
      .then(() => {
        if (!stopped) {
          timer = setTimeout(tick, minuteMs).unref();
        }
      });
  };

  const reclaimOn = async ({ channel, name }: ConfiguredChannel): Promise<number> => {
    let reclaimed = 0;
    for await (const { ref, key } of channel.unsettled?.() ?? []) {
      try {
        if (await metadata.files.knowsStorageId(storageIdOf(key))) {
          await channel.settle?.(ref);
        } else {
          await channel.delete(ref, { signal: AbortSignal.timeout(minuteMs) });
          reclaimed++;
        }
      } catch (error) {
        log.warn(
          { channel: name, key, err: error },
          'Could not clean up an interrupted upload; will retry on the next start',
        );
      }
    }
    if (reclaimed > 0) {
      log.info({ channel: name, reclaimed }, 'Removed objects left by interrupted uploads');
    }
    return reclaimed;
  };

  return {
    async reclaim() {
      let reclaimed = 0;
      for (const channel of pool.all()) {
        reclaimed += await reclaimOn(channel);
      }
      return reclaimed;
    },
    sweep,
    start: tick,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
