import type { Access } from '../../access/access.ts';
import { toJson } from '../../bytes.ts';
import type { Clock } from '../../clock.ts';
import { fail, isStowageError } from '../../errors.ts';
import { createKeyedMutex } from '../../guard/keyed-mutex.ts';
import type { MetadataStore, PartOutcome, Segment, UploadPart } from '../../metadata.ts';
import type { ChannelPool } from '../../storage/channel-pool.ts';
import { deleteObjectJob } from '../../storage/cleanup-jobs.ts';
import type { Intake } from '../../storage/intake.ts';
import { type ChunkedDetails, type ChunkedUpload, readChunked } from './chunked-details.ts';
import { noSession } from './chunked-refusal.ts';

/** One attempt to store one chunk. */
export interface Chunk {
  readonly upload: ChunkedUpload;
  /** 0-based. */
  readonly index: number;
  /** Of this attempt. */
  readonly storageId: string;
  /** The owner of the request, which may differ from that of the upload. */
  readonly sender: string;
  readonly signal: AbortSignal;
}

/** A chunk whose bytes are stored, and whose row is still `pending`. */
export type StoredChunk = Pick<UploadPart, 'size' | 'segments' | 'native' | 'hash'> & {
  /** Clean-up that is void once the row is written. */
  readonly pendingCleanup: readonly string[];
};

export interface ChunkedRowsOptions {
  readonly metadata: MetadataStore;
  readonly pool: ChannelPool;
  readonly intake: Pick<Intake, 'settle'>;
  readonly access: Pick<Access, 'mayUpload'>;
  readonly now: Clock;
  /** Of all chunks together. */
  readonly maxUploadBytes: number;
  /** Life of an upload after its last sign of life. */
  readonly ttlMs: number;
}

/** The rows of chunked uploads and of their chunks. */
export class ChunkedRows {
  readonly #options: ChunkedRowsOptions;
  /**
   * One at a time per chunk: attempts at one chunk that announce it again in turns would block each
   * other forever.
   */
  readonly #writes = createKeyedMutex();

  constructor(options: ChunkedRowsOptions) {
    this.#options = options;
  }

  /** Undefined when there is no such upload of this kind. */
  async get(id: string): Promise<ChunkedUpload | undefined> {
    const upload = await this.#options.metadata.uploads.get(id);
    return upload?.kind === 'chunked' ? readChunked(upload) : undefined;
  }

  /** Undefined, with nothing written, when the row has changed in the meantime. */
  async change(
    { id, version }: ChunkedUpload,
    details: ChunkedDetails,
  ): Promise<ChunkedUpload | undefined> {
    const patch = { details: toJson(details) };
    const changed = await this.#options.metadata.uploads.update(id, version, patch);
    return changed && readChunked(changed);
  }

  /** Records that this chunk is arriving. False when the upload takes no more chunks. */
  async announce(chunk: Chunk): Promise<boolean> {
    const { metadata, now, ttlMs } = this.#options;
    const nothing = { size: 0, segments: [], native: null, hash: '' };
    const pending: UploadPart = { ...this.#keyOf(chunk), ...nothing, state: 'pending' };
    const { outcome } = await metadata.uploads.putPart(pending, now() + ttlMs);
    return outcome !== 'refused';
  }

  /** Removes the pending row of a failed attempt, unless another attempt has replaced it. */
  withdraw({ upload, storageId }: Chunk): Promise<void> {
    return this.#options.metadata.uploads.dropPendingPart(upload.id, storageId);
  }

  /**
   * Resolves when the chunk counts, durably. Fails with `unauthorized` when the sender may no
   * longer upload, and with `too_large` when there is no room left; the bytes are then removed.
   */
  write(chunk: Chunk, stored: StoredChunk): Promise<void> {
    const key = `${chunk.upload.id} ${chunk.index}`;
    return this.#writes.run(key, () => this.#writeInTurn(chunk, stored));
  }

  async #writeInTurn(chunk: Chunk, stored: StoredChunk): Promise<void> {
    const { pool, intake, access } = this.#options;
    const { upload, sender } = chunk;
    // The bytes took their time to come in.
    if (!(await access.mayUpload(sender))) {
      await this.#remove(chunk, stored.segments);
      throw fail('unauthorized');
    }
    let result = await this.#put(chunk, stored);
    while (result.outcome === 'refused') {
      // Either another attempt at the chunk has begun, which is no reason to refuse this one, or
      // the upload has ended.
      if (!(await this.announce(chunk))) {
        await this.#remove(chunk, stored.segments);
        throw noSession();
      }
      result = await this.#put(chunk, stored);
    }
    if (result.outcome === 'replaced') {
      await this.#remove(chunk, result.part.segments);
    }
    await intake.settle({ channel: pool.byId(upload.channelId), segments: stored.segments });
  }

  async #put(
    chunk: Chunk,
    { pendingCleanup: clearsJobs, ...stored }: StoredChunk,
  ): Promise<PartOutcome> {
    const { metadata, now, ttlMs, maxUploadBytes: maxBytes } = this.#options;
    const part: UploadPart = { ...this.#keyOf(chunk), ...stored, state: 'stored' };
    try {
      return await metadata.uploads.putPart(part, now() + ttlMs, { clearsJobs, maxBytes });
    } catch (error) {
      // After any other failure the part may be written down.
      if (isStowageError(error, 'too_large')) {
        await this.#remove(chunk, stored.segments);
      }
      throw error;
    }
  }

  #keyOf({ upload, index, storageId }: Chunk) {
    return { uploadId: upload.id, index, storageId, updatedAt: this.#options.now() };
  }

  #remove({ upload }: Chunk, segments: readonly Segment[]): Promise<void> {
    const { metadata, now } = this.#options;
    return metadata.jobs.add(
      segments.map((segment) => deleteObjectJob(upload.channelId, segment, now())),
    );
  }
}
