import type { ByteSource } from '../../bytes.ts';
import type { Channel } from '../../channel.ts';
import { type Clock, orphanAfterMs } from '../../clock.ts';
import { fail, isStowageError } from '../../errors.ts';
import type { MetadataStore, NewJob, Segment } from '../../metadata.ts';
import type { ChannelPool, ConfiguredChannel } from '../../storage/channel-pool.ts';
import { collectLeftOver, deleteObjectJob } from '../../storage/cleanup-jobs.ts';
import { storageKey } from '../../storage/storage-key.ts';
import { locateObjects, storeSpool, storeWhole } from '../../storage/store-objects.ts';
import { streamBody } from '../../streams/body.ts';
import type { DigestService } from '../../streams/digests.ts';
import { createSpool, type Spool } from '../../streams/spool.ts';
import { tap } from '../../streams/tap.ts';
import { uuidv7 } from '../../uuid.ts';
import { noSession } from './chunked-refusal.ts';
import type { Chunk, ChunkedRows, StoredChunk } from './chunked-rows.ts';
import { InFlight } from './in-flight.ts';
import type { KeptChunks } from './kept-chunks.ts';
import type { NativeParts } from './native-parts.ts';

/** A stream, or a spool that its maker disposes of. */
export type ChunkBody = ByteSource | Spool;

export type NewChunk = Omit<Chunk, 'storageId'>;

export interface ChunkStoreOptions {
  readonly metadata: MetadataStore;
  readonly pool: ChannelPool;
  readonly kept: KeptChunks;
  readonly spoolFolder: string;
  readonly digests: Pick<DigestService, 'tap'>;
  readonly now: Clock;
  /** Of all chunks together. */
  readonly maxUploadBytes: number;
}

/** Stores chunks on their channel as they arrive. */
export class ChunkStore {
  readonly #options: ChunkStoreOptions;
  readonly #rows: ChunkedRows;
  readonly #native: NativeParts;
  readonly #receiving = new InFlight();

  constructor(rows: ChunkedRows, native: NativeParts, options: ChunkStoreOptions) {
    this.#options = options;
    this.#rows = rows;
    this.#native = native;
  }

  /** Whether this node is receiving chunks of the upload right now. */
  isReceiving(uploadId: string): boolean {
    return this.#receiving.has(uploadId);
  }

  /**
   * Resolves when the chunk is stored durably. A chunk that the backend did not take is kept for
   * the merge.
   */
  put(chunk: NewChunk, body: ChunkBody): Promise<void> {
    return this.#receiving.run(chunk.upload.id, () =>
      this.#store(chunk, body, (attempt, spool) => this.#keep(attempt, spool)),
    );
  }

  /** Stores a kept copy. The copy stays when that fails again. */
  putKept(chunk: NewChunk, copy: ByteSource): Promise<void> {
    return this.#store(chunk, copy, async () => undefined);
  }

  async #store(given: NewChunk, body: ChunkBody, keep: Keep): Promise<void> {
    const chunk = { ...given, storageId: uuidv7(this.#options.now()) };
    if (!(await this.#rows.announce(chunk))) {
      throw noSession();
    }
    try {
      const bounded = await this.#withinRoom(chunk, body);
      if (this.#channelOf(chunk).channel.remote) {
        await this.#storeRemote(chunk, bounded, keep);
      } else {
        await this.#storeLocal(chunk, bounded);
      }
    } catch (error) {
      await this.#rows.withdraw(chunk);
      throw error;
    }
    await this.#options.kept.drop(chunk.upload.id, chunk.index);
  }

  /** Fails as soon as all chunks together have more bytes than a file may have. */
  async #withinRoom({ upload, index }: Chunk, body: ChunkBody): Promise<ChunkBody> {
    const { metadata, maxUploadBytes: maxBytes } = this.#options;
    const room = maxBytes - (await metadata.uploads.receivedBytes(upload.id, index));
    if (!isSpool(body)) {
      const tooLarge = (): Error => fail('too_large', { details: { maxBytes } });
      return tap(body, { maxBytes: room, tooLarge });
    }
    if ((await body.ended) > room) {
      throw fail('too_large', { details: { maxBytes } });
    }
    return body;
  }

  async #storeLocal(chunk: Chunk, body: ChunkBody): Promise<void> {
    const { channel } = this.#channelOf(chunk);
    const whole = isSpool(body) ? body : streamBody(body);
    const { size, segments, hash } = await storeWhole(channel, whole, this.#putOptions(chunk));
    await this.#rows.write(chunk, { size, segments, hash, native: null, pendingCleanup: [] });
  }

  async #storeRemote(chunk: Chunk, body: ChunkBody, keep: Keep): Promise<void> {
    const spool = isSpool(body) ? body : createSpool(body, this.#options.spoolFolder);
    const stop = (): void => void spool.dispose();
    chunk.signal.addEventListener('abort', stop, { once: true });
    try {
      if (!(await this.#native.put(chunk, spool))) {
        await this.#rows.write(chunk, await this.#storeObjects(chunk, spool));
      }
    } catch (error) {
      if (isBackendFailure(error)) {
        await keep(chunk, spool);
      }
      throw error;
    } finally {
      chunk.signal.removeEventListener('abort', stop);
      await spool.dispose();
    }
  }

  /** Waits for the rest of the body: the backend may have failed before the client has sent it. */
  async #keep({ upload, index }: Chunk, spool: Spool): Promise<void> {
    const size = await spool.ended.catch(() => undefined);
    if (size !== undefined) {
      await this.#options.kept.keep(upload.id, index, { size, source: spool.open() });
    }
  }

  async #storeObjects(chunk: Chunk, spool: Spool): Promise<StoredChunk> {
    const { metadata, now } = this.#options;
    const { id, channel } = this.#channelOf(chunk);
    const put = { ...this.#putOptions(chunk), size: spool.size };
    const cleanup = await this.#noteOrphans(chunk, channel, put);
    const leftOver = collectLeftOver({
      channelId: id,
      now,
      addJobs: (jobs) => this.#addJobs(jobs),
    });
    const removeLeftOver = (kept: readonly Segment[]) => this.#addJobs(leftOver.jobs(kept, now()));
    try {
      const { onLeftOver, noteUpload } = leftOver;
      const call = { ...put, onLeftOver, noteUpload, digests: this.#options.digests };
      const { size, segments, hash } = await storeSpool(channel, spool, call);
      await removeLeftOver(segments);
      const pendingCleanup = [...cleanup.map((job) => job.id), ...leftOver.noted];
      return { size, segments, hash, native: null, pendingCleanup };
    } catch (error) {
      await removeLeftOver([]);
      await metadata.jobs.done(leftOver.noted);
      await Promise.all(
        cleanup.map((job) => metadata.jobs.retry(job.id, now(), 'The chunk could not be stored.')),
      );
      throw error;
    }
  }

  /** Written before bytes go out, for a crash in between. */
  async #noteOrphans(
    { upload }: Chunk,
    channel: Channel,
    { key, size }: { readonly key: string; readonly size: number | undefined },
  ): Promise<readonly NewJob[]> {
    const runAt = this.#options.now() + orphanAfterMs;
    const jobs = locateObjects(channel, key, size).map((ref) =>
      deleteObjectJob(upload.channelId, { ref }, runAt),
    );
    await this.#addJobs(jobs);
    return jobs;
  }

  async #addJobs(jobs: readonly NewJob[]): Promise<void> {
    if (jobs.length > 0) {
      await this.#options.metadata.jobs.add(jobs);
    }
  }

  #channelOf({ upload }: Chunk): ConfiguredChannel {
    return this.#options.pool.byId(upload.channelId);
  }

  #putOptions({ upload, index, storageId, signal }: Chunk) {
    return {
      key: storageKey(storageId, '', this.#options.now()),
      contentType: 'application/octet-stream',
      filename: `${upload.details.filename}.part${String(index).padStart(3, '0')}`,
      signal,
    };
  }
}

/** Handles a chunk that its backend did not take. */
type Keep = (chunk: Chunk, spool: Spool) => Promise<void>;

function isSpool(body: ChunkBody): body is Spool {
  return 'ended' in body;
}

/** `service_unavailable` comes from the circuit breaker of a backend that failed before. */
function isBackendFailure(error: unknown): boolean {
  return (
    isStowageError(error) &&
    (error.code.startsWith('channel_') || error.code === 'service_unavailable')
  );
}
