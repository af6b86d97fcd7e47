import type { PresignedArrival, PutResult } from '../../channel.ts';
import { dayMs } from '../../clock.ts';
import { extensionFor } from '../../content-type/media-types.ts';
import { isStowageError } from '../../errors.ts';
import type { NewJob, Upload } from '../../metadata.ts';
import type { ConfiguredChannel } from '../../storage/channel-pool.ts';
import { deleteObjectJob, reclaimObjectJob } from '../../storage/cleanup-jobs.ts';
import { storageIdOf, storageKey } from '../../storage/storage-key.ts';
import { uuidv7 } from '../../uuid.ts';
import {
  abortPresign,
  type PresignedDetails,
  presignedDetails,
  type Received,
} from './presigned-details.ts';
import type { PresignedUploadOptions } from './presigned-types.ts';

const callTimeoutMs = 60_000;
const orphanAfterMs = 7 * dayMs;
/** An upload that began in time may take this long after its address has expired. */
const lateUploadMs = dayMs;

export interface Arrived {
  readonly received: Received;
  readonly arrival: PresignedArrival;
}

/** What lies at the store's own upload address, or undefined. */
export async function arrivalAtStore(
  upload: Upload,
  { presign, contentType }: PresignedDetails,
  { pool }: PresignedUploadOptions,
): Promise<Arrived | undefined> {
  const { id, channel } = pool.byId(upload.channelId);
  if (presign === null || channel.presign === undefined) {
    return undefined;
  }
  const arrival = await channel.presign.head(presign.state, {
    signal: AbortSignal.timeout(callTimeoutMs),
  });
  if (arrival === undefined) {
    return undefined;
  }
  const received: Received = {
    ...unread(storageIdOf(presign.key), arrival),
    channelId: id,
    size: arrival.size,
    sha256: null,
    contentType: arrival.contentType ?? contentType,
  };
  return { received, arrival };
}

/**
 * What came to the store's own address after the last try was refused; undefined when it still is
 * what was refused then.
 */
export async function arrivedAnew(
  upload: Upload,
  details: PresignedDetails,
  options: PresignedUploadOptions,
): Promise<Arrived | undefined> {
  if (!mayComeAnew(upload, details, options)) {
    return undefined;
  }
  const arrived = await arrivalAtStore(upload, details, options);
  return arrived?.arrival.version === details.refused ? undefined : arrived;
}

/**
 * Whether the store's own address may be used again after something was refused, and the new file
 * be told apart from the old one.
 */
export function mayComeAnew(
  { channelId }: Upload,
  { refused }: PresignedDetails,
  { pool }: PresignedUploadOptions,
): boolean {
  return refused !== null && pool.byId(channelId).channel.presign?.finish !== undefined;
}

/**
 * While the caller still waits for the answer, so that it cannot hit the next try. What cannot be
 * removed now is removed when the upload ends.
 */
export async function removeRefused(
  { id, channelId }: Upload,
  { presign }: PresignedDetails,
  { pool, log }: PresignedUploadOptions,
): Promise<void> {
  const store = pool.byId(channelId).channel.presign;
  if (presign === null || store === undefined) {
    return;
  }
  await store
    .abort(presign.state, { signal: AbortSignal.timeout(callTimeoutMs) })
    .catch((error: unknown) => {
      log.warn(
        { upload: id, err: error },
        'Could not delete a refused file from its upload URL; it stays there until the upload is removed',
      );
    });
}

/**
 * This server did not read the bytes on their way: the object's name, which is unique, stands for
 * their hash.
 */
function unread(
  storageId: string,
  { ref, size }: PutResult,
): Pick<Received, 'storageId' | 'segments' | 'hash'> {
  return { storageId, segments: [{ ref, size, hash: '' }], hash: storageId.replaceAll('-', '') };
}

interface CopyOutOfReach {
  readonly upload: Upload;
  readonly arrived: Arrived;
  readonly contentType: string;
  readonly channel: ConfiguredChannel;
  readonly options: PresignedUploadOptions;
}

export interface Kept extends Pick<Received, 'storageId' | 'segments' | 'hash'> {
  /** A copy made for this try, or what every other try finds, too. */
  readonly isCopy: boolean;
  readonly pendingCleanup: readonly string[];
  readonly addsJobs: readonly NewJob[];
}

/**
 * The upload address of most stores works until it expires: the bytes that were judged move to a
 * name that it does not reach, and what comes to the old one later is removed. Undefined when other
 * bytes came in between.
 */
export async function copyOutOfReach({
  upload,
  arrived,
  contentType,
  channel,
  options,
}: CopyOutOfReach): Promise<Kept | undefined> {
  const { presign } = channel.channel;
  const { storageId, segments, hash } = arrived.received;
  const details = presignedDetails(upload);
  if (presign?.finish === undefined) {
    return { storageId, segments, hash, isCopy: false, pendingCleanup: [], addsJobs: [] };
  }
  const at = options.now();
  const id = uuidv7(at);
  const key = storageKey(id, extensionFor(details.filename, contentType), at);
  const orphan = channel.channel.locate?.(key);
  const cleanup =
    orphan === undefined
      ? []
      : [
          reclaimObjectJob(
            { channelId: channel.id, ref: orphan, storageId: id },
            at + orphanAfterMs,
          ),
        ];
  await options.metadata.jobs.add(cleanup);
  try {
    const put = await presign.finish(arrived.arrival, {
      key,
      contentType,
      signal: AbortSignal.timeout(callTimeoutMs),
    });
    const late = abortPresign(upload, details, details.urlExpiresAt + lateUploadMs);
    return {
      ...unread(id, put),
      isCopy: true,
      pendingCleanup: cleanup.map((job) => job.id),
      addsJobs: [...abortPresign(upload, details, at), ...late],
    };
  } catch (error) {
    if (isStowageError(error, 'conflict')) {
      return undefined;
    }
    throw error;
  }
}

/** For the call that lost the race. */
export async function discardKept(
  { segments, pendingCleanup, isCopy }: Kept,
  channel: ConfiguredChannel,
  { metadata, now }: PresignedUploadOptions,
): Promise<void> {
  if (!isCopy) {
    return;
  }
  await metadata.jobs.add(segments.map((segment) => deleteObjectJob(channel.id, segment, now())));
  await metadata.jobs.done(pendingCleanup);
}
