import type { ByteSource } from '../bytes.ts';
import type { Channel } from '../channel.ts';
import { type Clock, dayMs } from '../clock.ts';
import { fail } from '../errors.ts';
import type { MetadataStore, NewJob, Replica, Segment } from '../metadata.ts';
import type { ChannelPool, ConfiguredChannel } from '../storage/channel-pool.ts';
import { collectLeftOver, deleteObjectJob } from '../storage/cleanup-jobs.ts';
import { storageKey } from '../storage/storage-key.ts';
import {
  locateObjects,
  type StoredObjects,
  type StoreOptions,
  storeSpool,
  storeWhole,
} from '../storage/store-objects.ts';
import { streamBody } from '../streams/body.ts';
import type { DigestService } from '../streams/digests.ts';
import { createHasher, isContentHash } from '../streams/hash.ts';
import { createSpool } from '../streams/spool.ts';

export interface RepairOptions {
  readonly metadata: Pick<MetadataStore, 'replicas' | 'jobs'>;
  readonly pool: ChannelPool;
  readonly spoolFolder: string;
  readonly digests: Pick<DigestService, 'tap'>;
  readonly now: Clock;
  readonly signal: AbortSignal;
}

/**
 * Replaces the objects of a broken replica with copies from another replica that proves intact
 * while it is read. False when there is no such replica or the file is gone. Throws when the
 * channel does not take the bytes.
 */
export async function repairReplica(broken: Replica, options: RepairOptions): Promise<boolean> {
  const others = await options.metadata.replicas.ofBlob(broken.blobId);
  // Whatever their recorded state, since they are verified while they are read.
  for (const healthy of others.filter(({ channelId }) => channelId !== broken.channelId)) {
    if (!healthy.segments.every(({ hash }) => isContentHash(hash))) {
      continue;
    }
    const outcome = await copyFrom(healthy, broken, options);
    if (outcome !== 'source failed') {
      return outcome;
    }
  }
  return false;
}

async function copyFrom(
  healthy: Replica,
  broken: Replica,
  options: RepairOptions,
): Promise<boolean | 'source failed'> {
  const { metadata, pool, now, signal } = options;
  const target = pool.byId(broken.channelId);
  const at = now();
  const key = storageKey(broken.blobId, '', at, at);
  const size = healthy.segments.reduce((sum, segment) => sum + segment.size, 0);
  const notes = locateObjects(target.channel, key, size).map((ref) =>
    deleteObjectJob(target.id, { ref }, at + dayMs),
  );
  if (target.channel.remote && notes.length > 0) {
    await metadata.jobs.add(notes);
  }
  const addJobs = (jobs: readonly NewJob[]) => metadata.jobs.add(jobs);
  const leftOver = collectLeftOver({ channelId: target.id, now, addJobs });
  const source = { failed: false };
  const stored = await storeInto(target, {
    source: provenBytes(pool.byId(healthy.channelId).channel, healthy.segments, { signal, source }),
    spoolFolder: options.spoolFolder,
    put: {
      key,
      contentType: 'application/octet-stream',
      filename: 'repaired',
      size,
      signal,
      onLeftOver: leftOver.onLeftOver,
      noteUpload: leftOver.noteUpload,
      digests: options.digests,
    },
  }).catch((error: unknown) => {
    if (source.failed) {
      return undefined;
    }
    throw error;
  });
  if (stored === undefined) {
    return 'source failed';
  }
  await metadata.jobs.add(leftOver.jobs(stored.segments, now()));
  const clearsJobs = [
    ...(target.channel.remote ? notes : []).map(({ id }) => id),
    ...leftOver.noted,
  ];
  return publish({ broken, stored, target, clearsJobs, options });
}

interface Storing {
  readonly source: ByteSource;
  readonly spoolFolder: string;
  readonly put: StoreOptions;
}

async function storeInto(
  { channel }: ConfiguredChannel,
  { source, spoolFolder, put }: Storing,
): Promise<StoredObjects> {
  if (!channel.remote) {
    return storeWhole(channel, streamBody(source, { size: put.size }), put);
  }
  const spool = createSpool(source, spoolFolder);
  try {
    return await storeSpool(channel, spool, put);
  } finally {
    await spool.dispose();
  }
}

interface Publishing {
  readonly broken: Replica;
  readonly stored: StoredObjects;
  readonly target: ConfiguredChannel;
  readonly clearsJobs: readonly string[];
  readonly options: RepairOptions;
}

async function publish({
  broken,
  stored,
  target,
  clearsJobs,
  options,
}: Publishing): Promise<boolean> {
  const { metadata, now } = options;
  const remove = (segments: readonly Segment[]) =>
    segments.map((segment) => deleteObjectJob(target.id, segment, now()));
  const isReplaced = await metadata.replicas.replace(broken, {
    segments: stored.segments,
    verifiedAt: now(),
    addsJobs: remove(broken.segments),
    clearsJobs,
  });
  if (isReplaced) {
    for (const { ref } of stored.segments) {
      await target.channel.settle?.(ref);
    }
  } else {
    await metadata.jobs.add(remove(stored.segments));
  }
  return isReplaced;
}

interface Proof {
  readonly signal: AbortSignal;
  /** Distinguishes a replica that cannot be read from a target that cannot be written. */
  readonly source: { failed: boolean };
}

/** The bytes of a replica. Fails at the end of a segment whose hash does not match. */
async function* provenBytes(
  channel: Channel,
  segments: readonly Segment[],
  { signal, source }: Proof,
): ByteSource {
  for (const { ref, hash } of segments) {
    const hasher = createHasher();
    try {
      const { stream } = await channel.get(ref, { signal });
      for await (const chunk of stream) {
        hasher.update(chunk);
        yield chunk;
      }
      if (hasher.digest() !== hash) {
        throw fail('content_damaged');
      }
    } catch (error) {
      source.failed = true;
      throw error;
    }
  }
}
