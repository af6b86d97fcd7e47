import type { PresignedArrival, PutResult } from '../../channel.ts';
import { type Clock, dayMs, orphanAfterMs } from '../../clock.ts';
import { extensionFor } from '../../content-type/media-types.ts';
import { isStowageError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { MetadataStore, NewJob, Upload } from '../../metadata.ts';
import type { ChannelPool, ConfiguredChannel } from '../../storage/channel-pool.ts';
import { deleteObjectJob, reclaimObjectJob } from '../../storage/cleanup-jobs.ts';
import { storageIdOf, storageKey } from '../../storage/storage-key.ts';
import { uuidv7 } from '../../uuid.ts';
import { abortPresign, type PresignedRow, type Received } from './presigned-details.ts';

const callTimeoutMs = 60_000;
/** An upload that began in time may take this long after its address has expired. */
const lateUploadMs = dayMs;

/** Bytes of an upload, on whatever way they came. */
export interface Arrived {
  readonly received: Received;
  /** At the store's own upload address; undefined for bytes that came through the relay. */
  readonly arrival: PresignedArrival | undefined;
}

/** Where the bytes of an arrival stay. */
export interface Kept extends Pick<Received, 'storageId' | 'segments' | 'hash'> {
  /** Whether this is a copy made for this attempt, or what every other attempt finds as well. */
  readonly isCopy: boolean;
  readonly pendingCleanup: readonly string[];
  readonly addsJobs: readonly NewJob[];
}

export interface ArrivalDeps {
  readonly metadata: Pick<MetadataStore, 'jobs'>;
  readonly pool: Pick<ChannelPool, 'byId'>;
  readonly now: Clock;
  readonly log: Log;
}

/** What clients send straight to a store's own upload address. */
export class StoreArrivals {
  readonly #deps: ArrivalDeps;

  constructor(deps: ArrivalDeps) {
    this.#deps = deps;
  }

  /** What lies at the store's own upload address; undefined when there is nothing. */
  async find({ upload, details }: PresignedRow): Promise<Arrived | undefined> {
    const { presign, contentType } = details;
    const { id, channel } = this.#channelOf(upload);
    if (presign === null || channel.presign === undefined) {
      return undefined;
    }
    const signal = AbortSignal.timeout(callTimeoutMs);
    const arrival = await channel.presign.head(presign.state, { signal });
    if (arrival === undefined) {
      return undefined;
    }
    const received = {
      ...unread(storageIdOf(presign.key), arrival),
      channelId: id,
      size: arrival.size,
      sha256: null,
      contentType: arrival.contentType ?? contentType,
    };
    return { received, arrival };
  }

  /** Whether something else has arrived since the last file was refused. */
  async hasNew(row: PresignedRow): Promise<boolean> {
    if (!this.mayComeAnew(row)) {
      return false;
    }
    const arrived = await this.find(row);
    return arrived !== undefined && arrived.arrival?.version !== row.details.refused;
  }

  /**
   * Whether the client may use the store's own address again after a refusal, and the new file can
   * be told apart from the old one.
   */
  mayComeAnew({ upload, details }: PresignedRow): boolean {
    return (
      details.refused !== null && this.#channelOf(upload).channel.presign?.finish !== undefined
    );
  }

  /**
   * Removes a refused file while the caller still waits for the answer, so that the removal cannot
   * hit the caller's next file. What cannot be removed now is removed when the upload ends.
   */
  async removeRefused({ upload, details: { presign } }: PresignedRow): Promise<void> {
    const store = this.#channelOf(upload).channel.presign;
    if (presign === null || store === undefined) {
      return;
    }
    const signal = AbortSignal.timeout(callTimeoutMs);
    await store.abort(presign.state, { signal }).catch((error: unknown) => {
      this.#deps.log.warn(
        { upload: upload.id, err: error },
        'Could not delete a refused file from its upload URL; it stays there until the upload is removed',
      );
    });
  }

  /**
   * The upload address of most stores works until it expires. So the verified bytes move to a name
   * that it does not reach, and jobs remove what comes to the old name later. `changed` when other
   * bytes came in between.
   */
  async copyOutOfReach(
    row: PresignedRow,
    { received, arrival }: Arrived,
    contentType: string,
  ): Promise<Kept | 'changed'> {
    const channel = this.#channelOf(row.upload);
    const { presign } = channel.channel;
    if (arrival === undefined || presign?.finish === undefined) {
      return inPlace(received);
    }
    const at = this.#deps.now();
    const { filename, urlExpiresAt } = row.details;
    const key = storageKey(uuidv7(at), extensionFor(filename, contentType), at);
    const pendingCleanup = await this.#noteCopy(channel, key, at);
    try {
      const signal = AbortSignal.timeout(callTimeoutMs);
      const put = await presign.finish(arrival, { key, contentType, signal });
      return {
        ...unread(storageIdOf(key), put),
        isCopy: true,
        pendingCleanup,
        addsJobs: [...abortPresign(row, at), ...abortPresign(row, urlExpiresAt + lateUploadMs)],
      };
    } catch (error) {
      if (isStowageError(error, 'conflict')) {
        return 'changed';
      }
      throw error;
    }
  }

  /**
   * Writes down, before the copy is made, the job that removes it should no row come to name it.
   * Returns the ids of such jobs: none where the store cannot name an object beforehand.
   */
  async #noteCopy(
    { id, channel }: ConfiguredChannel,
    key: string,
    at: number,
  ): Promise<readonly string[]> {
    const ref = channel.locate?.(key);
    if (ref === undefined) {
      return [];
    }
    const copy = { channelId: id, ref, storageId: storageIdOf(key) };
    const job = reclaimObjectJob(copy, at + orphanAfterMs);
    await this.#deps.metadata.jobs.add([job]);
    return [job.id];
  }

  /** Removes the copy of a call that lost the race. */
  async discard({ segments, pendingCleanup, isCopy }: Kept, channelId: string): Promise<void> {
    if (!isCopy) {
      return;
    }
    const { metadata, now } = this.#deps;
    await metadata.jobs.add(segments.map((segment) => deleteObjectJob(channelId, segment, now())));
    await metadata.jobs.done(pendingCleanup);
  }

  #channelOf({ channelId }: Upload): ConfiguredChannel {
    return this.#deps.pool.byId(channelId);
  }
}

function inPlace({ storageId, segments, hash }: Received): Kept {
  return { storageId, segments, hash, isCopy: false, pendingCleanup: [], addsJobs: [] };
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
