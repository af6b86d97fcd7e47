import type { PresignedArrival, PutResult } from './channel.ts';
import type { ConfiguredChannel } from './channel-pool.ts';
import { dayMs } from './clock.ts';
import { isStowageError } from './errors.ts';
import { deleteObjectJob, reclaimObjectJob } from './jobs.ts';
import { extensionFor } from './media-types.ts';
import type { NewJob, Upload } from './metadata.ts';
import { abortPresign, type PresignedDetails, presignedDetails, type Received } from './presigned-details.ts';
import type { PresignedUploadOptions } from './presigned-types.ts';
import { storageIdOf, storageKey } from './storage-key.ts';
import { uuidv7 } from './uuid.ts';

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
  if (presign === null || channel.presign === undefined) return undefined;
  const arrival = await channel.presign.head(presign.state, { signal: AbortSignal.timeout(callTimeoutMs) });
  if (arrival === undefined) return undefined;
  const received: Received = {
    ...unread(storageIdOf(presign.key), arrival),
    channelId: id,
    size: arrival.size,
    sha256: null,
    contentType: arrival.contentType ?? contentType,
  };
  return { received, arrival };
}

/** Nobody read the bytes on their way: their hash is the object's name, unique as they are. */
function unread(storageId: string, { ref, size }: PutResult): Pick<Received, 'storageId' | 'segments' | 'hash'> {
  return { storageId, segments: [{ ref, size, hash: '' }], hash: storageId.replaceAll('-', '') };
}

interface TakeOver {
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
 * The upload address of most stores works until it expires: the bytes that were judged move to a name that it does not reach, and what comes to the
 * old one later is removed. Undefined when other bytes came in between.
 */
export async function takeOver({ upload, arrived, contentType, channel, options }: TakeOver): Promise<Kept | undefined> {
  const { presign } = channel.channel;
  const { storageId, segments, hash } = arrived.received;
  const details = presignedDetails(upload);
  if (presign?.finish === undefined) return { storageId, segments, hash, isCopy: false, pendingCleanup: [], addsJobs: [] };
  const at = options.now();
  const id = uuidv7(at);
  const key = storageKey(id, extensionFor(details.filename, contentType), at);
  const orphan = channel.channel.locate?.(key);
  const cleanup =
    orphan === undefined ? [] : [reclaimObjectJob({ channelId: channel.id, ref: orphan, storageId: id }, at + orphanAfterMs)];
  await options.metadata.jobs.add(cleanup);
  try {
    const put = await presign.finish(arrived.arrival, { key, contentType, signal: AbortSignal.timeout(callTimeoutMs) });
    const late = abortPresign(upload, details, details.urlExpiresAt + lateUploadMs);
    return {
      ...unread(id, put),
      isCopy: true,
      pendingCleanup: cleanup.map((job) => job.id),
      addsJobs: [...abortPresign(upload, details, at), ...late],
    };
  } catch (error) {
    if (isStowageError(error, 'conflict')) return undefined;
    throw error;
  }
}

/** For whoever comes second. */
export async function discardKept(
  { segments, pendingCleanup, isCopy }: Kept,
  channel: ConfiguredChannel,
  { metadata, now }: PresignedUploadOptions,
): Promise<void> {
  if (!isCopy) return;
  await metadata.jobs.add(segments.map((segment) => deleteObjectJob(channel.id, segment, now())));
  await metadata.jobs.done(pendingCleanup);
}
