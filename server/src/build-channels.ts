import type { Driver } from './channels/driver.ts';
import { findDriver } from './channels/index.ts';
import type { Config } from './config.ts';
import type { Channel } from './core/channel.ts';
import { type Clock, minuteMs } from './core/clock.ts';
import { fail, isStowageError } from './core/errors.ts';
import { guardChannel } from './core/guard/channel-guard.ts';
import { createCircuitBreaker } from './core/guard/circuit-breaker.ts';
import type { Log } from './core/log.ts';
import type { MetadataStore } from './core/metadata.ts';
import type { Prober } from './core/prober.ts';
import type { ChannelEntry } from './core/settings/channel-entry.ts';
import { type ConfiguredChannel, identifyChannels } from './core/storage/channel-pool.ts';
import { findLeftChannels, leftChannelAdvice } from './left-channels.ts';
import type { Metrics } from './metrics/index.ts';
import { checkPlace } from './nodes.ts';

export interface BuildContext {
  readonly config: Config;
  readonly prober: Prober;
  readonly metadata: Pick<MetadataStore, 'channels' | 'replicas' | 'settings' | 'smallObjects'>;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly now: Clock;
}

const bytesPerGB = 2 ** 30;
const defaultConcurrency = 32;
const failuresUntilOpen = 5;

/** The channels of the configuration, with the ids under which their files are known. */
export async function identifyConfigured({
  config,
  metadata,
  log,
  now,
}: BuildContext): Promise<readonly ChannelEntry[]> {
  const identified = await identifyChannels(config.channels, metadata.channels, now());
  for (const left of await findLeftChannels(identified, metadata)) {
    log.warn(
      { type: left.type, channel: left.name },
      `Channel ${left.type}/${left.name}: ${leftChannelAdvice(left)}`,
    );
  }
  return identified;
}

/** The channel behind its guard; `existing` is one that stands behind it already. */
export async function buildChannel(
  entry: ChannelEntry,
  context: BuildContext,
  existing?: Channel,
): Promise<ConfiguredChannel> {
  const driver = findDriver(entry.type);
  if (driver === undefined) {
    throw fail('internal_error', {
      message: `There is no driver for channels of type ${entry.type}.`,
    });
  }
  const { id, type, name, enabled, weight, quota } = entry;
  return {
    id,
    type,
    name,
    enabled,
    weight,
    group: driver.group.name,
    label: driver.group.label,
    quota: quota && {
      limitBytes: quota.limitGB * bytesPerGB,
      thresholdPercent: quota.threshold,
    },
    channel: existing ?? (await createChannel(entry, driver, context)),
  };
}

async function createChannel(
  entry: ChannelEntry,
  driver: Driver,
  context: BuildContext,
): Promise<Channel> {
  const { config, metadata, prober } = context;
  const channel = await driver.create(entry.settings, {
    dataDir: config.dataDir,
    prober,
    smallObjects: metadata.smallObjects,
    smallObjectBytes: config.uploads.smallObjectBytes,
  });
  if (config.databaseUrl !== undefined) {
    await checkPlace({ id: entry.id, name: entry.name, channel }, metadata.settings);
  }
  return channel.remote ? guarded(channel, entry, context) : observed(channel, entry, context);
}

function guarded(
  channel: Channel,
  entry: ChannelEntry,
  { metrics, log, now }: BuildContext,
): Channel {
  const { maxOperations, pace } = entry;
  const labels = { type: entry.type, channel: entry.name };
  const limits = pace === undefined ? channel.limits : { ...channel.limits, pace };
  const breaker = createCircuitBreaker({
    threshold: failuresUntilOpen,
    openMs: minuteMs / 2,
    now,
    onChange(state) {
      metrics.circuit(labels, state);
      log.warn({ ...labels, state }, 'The circuit breaker of a channel changed its state');
    },
  });
  return guardChannel(
    { ...channel, limits },
    {
      callTimeoutMs: minuteMs / 2,
      idleTimeoutMs: 2 * minuteMs,
      maxConcurrent: maxOperations ?? defaultConcurrency,
      breaker,
      observe: (operation, outcome, durationMs) =>
        metrics.channelOperation({ ...labels, operation, outcome, durationMs }),
    },
  );
}

/** A local disk needs no guard, but its operations are seen. */
function observed(
  channel: Channel,
  { type, name }: ChannelEntry,
  { metrics }: BuildContext,
): Channel {
  const timed = async <T>(operation: string, work: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    let outcome = 'ok';
    try {
      return await work();
    } catch (error) {
      outcome = isStowageError(error) ? error.code : 'error';
      throw error;
    } finally {
      metrics.channelOperation({
        type,
        channel: name,
        operation,
        outcome,
        durationMs: performance.now() - startedAt,
      });
    }
  };
  const { rows } = channel;
  return {
    ...channel,
    rows: rows && {
      ...rows,
      requireRoom: (bytes) => timed('put', () => rows.requireRoom(bytes)),
    },
    put: (body, options) => timed('put', () => channel.put(body, options)),
    get: (ref, options) => timed('get', () => channel.get(ref, options)),
    delete: (ref, options) => timed('delete', () => channel.delete(ref, options)),
  };
}
