import { join } from 'node:path';
import type { Config } from '../config.ts';
import { dayMs, hourMs } from '../core/clock.ts';
import { takeLease } from '../core/jobs/lease.ts';
import { silentLog } from '../core/log.ts';
import type { MetadataStore, ReplicaKey } from '../core/metadata.ts';
import { findOrphans } from '../core/scrub/find-orphans.ts';
import { type ReplicaCheck, scrubPage } from '../core/scrub/scrub-replicas.ts';
import { scrubbedChannels, scrubLease } from '../core/scrub/scrubber.ts';
import { noThrottle } from '../core/scrub/throttle.ts';
import type { ChannelPool } from '../core/storage/channel-pool.ts';
import { createDigestService } from '../core/streams/digests.ts';
import { prepareDataFolder } from '../data-folder.ts';
import { createProber } from '../images/prober.ts';
import { createMetrics } from '../metrics/index.ts';
import { type OpenedChannels, openChannels } from '../open-channels.ts';
import { loadSecretKey } from '../secret-key.ts';
import { explainError } from './explain.ts';
import { loadConfigOrExplain } from './load.ts';
import { orExplain, sizeText, untilStopped } from './long-run.ts';
import { readArguments, refuseArguments } from './read-arguments.ts';
import { withMetadata } from './with-metadata.ts';

const usage = `Usage:
  stowage scrub [--quick] [--remote] [--remove-orphans [--older-than 24h]]

Reads every stored file at once, compares it with its hash, and repairs what another channel still has. Lists what is damaged or missing, and objects of local channels that
belong to no file. Works while the server runs.

  --quick           check only that the objects exist and have the right size
  --remote          read remote channels as well
  --remove-orphans  remove objects that belong to no file
  --older-than AGE  of those, only ones stored longer ago: 36h or 7d, at least 1h (default: 24h)

Exit code: 0 all is well, 1 could not check, 3 something is damaged, missing, not readable now or orphaned. See docs/backup.md.
`;

interface Options {
  readonly quick: boolean;
  readonly remote: boolean;
  readonly removeOrphans: boolean;
  readonly olderThanMs: number;
}

export async function scrub(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (typeof options === 'number') {
    return options;
  }
  const config = loadConfigOrExplain();
  if (config === undefined) {
    return 1;
  }
  return withMetadata(
    config,
    async (metadata) =>
      (await untilStopped((signal) =>
        orExplain(scrubLibrary({ config, metadata, options, signal })),
      )) ?? 1,
  );
}

function readOptions(args: readonly string[]): Options | number {
  const given = readArguments(args, {
    usage,
    options: {
      quick: { type: 'boolean', default: false },
      remote: { type: 'boolean', default: false },
      'remove-orphans': { type: 'boolean', default: false },
      'older-than': { type: 'string', default: '24h' },
    },
  });
  if (typeof given === 'number') {
    return given;
  }
  const { quick, remote } = given.values;
  const olderThanMs = readAge(given.values['older-than']);
  if (olderThanMs !== undefined) {
    return { quick, remote, removeOrphans: given.values['remove-orphans'], olderThanMs };
  }
  return refuseArguments(
    `--older-than must be a time such as 36h or 7d, at least 1h, not "${given.values['older-than']}".`,
    usage,
  );
}

function readAge(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,5})([hd])$/.exec(text) ?? [];
  const ageMs = Number(count) * (unit === 'd' ? dayMs : hourMs);
  return ageMs >= hourMs ? ageMs : undefined;
}

interface Job {
  readonly config: Config;
  readonly metadata: MetadataStore;
  readonly options: Options;
  readonly signal: AbortSignal;
}

async function scrubLibrary(job: Job): Promise<number> {
  const { config, metadata } = job;
  const lease = await takeLease(metadata.leases, { name: scrubLease, now: Date.now });
  if (lease === undefined) {
    process.stderr.write(
      'The server, or another command, is reading all files at this moment: try again later, or set STOWAGE_SCRUB_BYTES_PER_SECOND=0.\n',
    );
    return 1;
  }
  lease.keep();
  const channels = await connect(config, metadata);
  const { pool } = channels;
  try {
    const isWell = await scrubAll(job, pool);
    const isTidy = await listOrphans(job, pool);
    return isWell && isTidy ? 0 : 3;
  } finally {
    await lease.release();
    await channels.close();
  }
}

async function connect(config: Config, metadata: MetadataStore): Promise<OpenedChannels> {
  const context = {
    config,
    prober: createProber(),
    metadata,
    metrics: createMetrics({ version: '' }),
    log: silentLog,
    now: Date.now,
    secretKey: await loadSecretKey(config),
  };
  const { usage } = metadata.files;
  return openChannels(context, { usage, loadBalance: false, routes: {} });
}

async function scrubAll(
  { config, metadata, options, signal }: Job,
  pool: ChannelPool,
): Promise<boolean> {
  const counts = { ok: 0, damaged: 0, missing: 0, unknown: 0, repaired: 0 };
  let bytes = 0;
  const prints: Promise<void>[] = [];
  const onChecked = (check: ReplicaCheck): void => {
    counts[check.isRepaired ? 'repaired' : check.verdict]++;
    bytes += check.bytes;
    if (check.verdict !== 'ok') {
      prints.push(printCheck(check, metadata));
    }
  };
  await prepareDataFolder(config.dataDir, ['spool']);
  const channelIds = scrubbedChannels(pool, options.remote);
  const digests = createDigestService();
  const how = {
    quick: options.quick,
    throttle: noThrottle,
    spoolFolder: join(config.dataDir, 'spool'),
    digests,
    now: Date.now,
    log: silentLog,
  };
  for (let after: ReplicaKey | undefined; ; ) {
    signal.throwIfAborted();
    after = await scrubPage({ metadata, pool, channelIds, signal, onChecked, ...how }, after);
    await Promise.all(prints.splice(0));
    if (after === undefined) {
      break;
    }
  }
  await digests.close();
  const { ok, damaged, missing, unknown, repaired } = counts;
  const total = ok + damaged + missing + unknown + repaired;
  process.stdout.write(
    `${total} copies (${sizeText(bytes)} read): ${ok} good, ${damaged} damaged, ${missing} missing, ${repaired} repaired, ${unknown} not readable now\n`,
  );
  return damaged + missing + unknown === 0;
}

async function printCheck(
  { replica, channel, verdict, isRepaired, error }: ReplicaCheck,
  { replicas }: MetadataStore,
): Promise<void> {
  const word = isRepaired ? 'repaired' : verdict === 'unknown' ? 'not readable now' : verdict;
  const why = error === undefined ? '' : ` (${explainError(error)})`;
  for (const path of await replicas.pathsOf(replica.blobId)) {
    process.stdout.write(`${word}: ${path} on ${channel}${why}\n`);
  }
}

async function listOrphans(
  { metadata, options, signal }: Job,
  pool: ChannelPool,
): Promise<boolean> {
  const channels = pool.all().filter(({ channel }) => channel.list !== undefined);
  let count = 0;
  let bytes = 0;
  for await (const { channel, ref, size } of findOrphans({
    metadata,
    channels,
    storedBefore: Date.now() - options.olderThanMs,
  })) {
    signal.throwIfAborted();
    if (options.removeOrphans) {
      await channel.channel.delete(ref, { signal });
    }
    process.stdout.write(
      `${options.removeOrphans ? 'removed orphan' : 'orphan'}: ${JSON.stringify(ref)} on ${channel.name}, ${sizeText(size)}\n`,
    );
    count++;
    bytes += size;
  }
  if (count > 0) {
    process.stdout.write(
      `${count} objects that belong to no file (${sizeText(bytes)})${options.removeOrphans ? ', removed' : ''}\n`,
    );
  }
  return count === 0 || options.removeOrphans;
}
