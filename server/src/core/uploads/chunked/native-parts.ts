import type { ByteSource, Json } from '../../bytes.ts';
import type { Multipart } from '../../channel.ts';
import type { Clock } from '../../clock.ts';
import { fail, isStowageError } from '../../errors.ts';
import { createKeyedMutex } from '../../guard/keyed-mutex.ts';
import type { MetadataStore, UploadPart } from '../../metadata.ts';
import type { ChannelPool } from '../../storage/channel-pool.ts';
import { abortMultipartJob, deleteObjectJob } from '../../storage/cleanup-jobs.ts';
import { openReplica } from '../../storage/read-content.ts';
import { hashedBody } from '../../streams/body.ts';
import type { Spool } from '../../streams/spool.ts';
import { uuidv7 } from '../../uuid.ts';
import type { ChunkedDetails, ChunkedUpload } from './chunked-details.ts';
import { ChunkedRefusal, noSession } from './chunked-refusal.ts';
import type { Chunk, ChunkedRows, StoredChunk } from './chunked-rows.ts';
import { nativeKeyOf } from './native-object.ts';

export interface NativePartsOptions {
  readonly metadata: MetadataStore;
  readonly pool: ChannelPool;
  readonly now: Clock;
  /** Life of an upload after its last sign of life. */
  readonly ttlMs: number;
}

/** The store's own upload, or false when chunks are objects of their own. */
type Decision = Exclude<ChunkedDetails['native'], null>;

/** Chunks as parts of a multipart upload, on stores that have it. */
export class NativeParts {
  readonly #options: NativePartsOptions;
  readonly #rows: ChunkedRows;
  /** First chunks that arrive together start one upload. */
  readonly #decisions = createKeyedMutex();
  /** Of two requests with the same part, the store must keep the one whose row is written. */
  readonly #sends = createKeyedMutex();

  constructor(rows: ChunkedRows, options: NativePartsOptions) {
    this.#options = options;
    this.#rows = rows;
  }

  /**
   * Stores the chunk as a part and writes its row. False, with nothing stored, when the chunks of
   * this upload are objects of their own.
   */
  async put(chunk: Chunk, spool: Spool): Promise<boolean> {
    const { multipart } = this.#options.pool.byId(chunk.upload.channelId).channel;
    if (multipart === undefined) {
      return false;
    }
    // A part needs its exact length before the first byte: the chunk is on disk until then.
    const size = await spool.ended;
    const native = await this.#decisions.run(chunk.upload.id, () =>
      this.#decide(chunk, multipart, size),
    );
    if (native === false) {
      return false;
    }
    await this.#inTurn(chunk.upload, chunk.index, async () => {
      const stored = await send({ chunk, multipart, state: native.state, spool, size });
      await this.#rows.write(chunk, stored);
    });
    return true;
  }

  /**
   * A small last chunk that arrived before the multipart upload began is an object of its own.
   * Makes it a part like the others, so that the file is one object. True when it did: read the
   * parts again.
   */
  async joinLast(
    upload: ChunkedUpload,
    parts: readonly UploadPart[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const last = parts.at(-1);
    if (last === undefined || last.native !== null || parts.every((part) => part.native === null)) {
      return false;
    }
    await this.#inTurn(upload, last.index, () => this.#join(upload, last, signal));
    return true;
  }

  #inTurn({ id }: ChunkedUpload, index: number, work: () => Promise<void>): Promise<void> {
    return this.#sends.run(`${id} ${index}`, work);
  }

  /**
   * The chunk that arrives first decides for all (chunk 0 may arrive last). A small last one does
   * not decide: it stays an object, and the merge joins it to the others.
   */
  async #decide(chunk: Chunk, multipart: Multipart, size: number): Promise<Decision> {
    const { minPart } = multipart.limits;
    for (;;) {
      const upload = await this.#rows.get(chunk.upload.id);
      if (upload === undefined || upload.state !== 'open') {
        throw noSession();
      }
      const { native } = upload.details;
      const isSmallLast = isLast(chunk) && size < minPart;
      if (native === false || (native === null && isSmallLast)) {
        return false;
      }
      if (native === null) {
        await this.#begin(upload, { chunk, multipart, size });
      } else if (size >= minPart || isSmallLast) {
        return native;
      } else {
        const { index } = chunk;
        const facts = { index, sizeBytes: size, minBytes: minPart };
        throw new ChunkedRefusal({ reason: 'chunk_too_small', ...facts });
      }
    }
  }

  /** Records a decision, unless another node was first. */
  async #begin(
    upload: ChunkedUpload,
    { chunk, multipart, size }: { chunk: Chunk; multipart: Multipart; size: number },
  ): Promise<void> {
    const { minPart, maxParts } = multipart.limits;
    const { details } = upload;
    const isFit = size >= minPart && details.totalChunks <= maxParts;
    const native: Decision = isFit && { state: await start(chunk, multipart) };
    const changed = await this.#rows.change(upload, { ...details, native });
    if (changed === undefined && native !== false) {
      // By a job: the caller may have left, the backend may be busy.
      const { metadata, now } = this.#options;
      await metadata.jobs.add([abortMultipartJob(upload.channelId, native.state, now())]);
    }
  }

  async #join(upload: ChunkedUpload, seen: UploadPart, signal: AbortSignal): Promise<void> {
    const { metadata, pool, now, ttlMs } = this.#options;
    const parts = await metadata.uploads.parts(upload.id);
    const part = parts.find(({ index }) => index === seen.index);
    const { native } = upload.details;
    const { channel } = pool.byId(upload.channelId);
    const { multipart } = channel;
    if (part?.storageId !== seen.storageId || part.state !== 'stored' || !native || !multipart) {
      return;
    }
    async function* read(): ByteSource {
      yield* (await openReplica(channel, seen, { signal })).stream;
    }
    const body = { open: read, size: part.size };
    const joined = await multipart.part(native.state, part.index + 1, body, { signal });
    const result = await metadata.uploads.putPart(
      { ...part, native: joined, segments: [], storageId: uuidv7(now()), updatedAt: now() },
      now() + ttlMs,
    );
    if (result.outcome === 'replaced') {
      const { segments } = result.part;
      await metadata.jobs.add(
        segments.map((segment) => deleteObjectJob(upload.channelId, segment, now())),
      );
    }
  }
}

function isLast({ upload, index }: Chunk): boolean {
  return index === upload.details.totalChunks - 1;
}

function start({ upload, signal }: Chunk, multipart: Multipart): Promise<Json> {
  const { filename, contentType } = upload.details;
  const key = nativeKeyOf(upload);
  if (key === undefined) {
    throw fail('internal_error');
  }
  return multipart.start({ key, contentType, filename, signal });
}

interface Sending {
  readonly chunk: Chunk;
  readonly multipart: Multipart;
  readonly state: Json;
  readonly spool: Spool;
  readonly size: number;
}

async function send({ chunk, multipart, state, spool, size }: Sending): Promise<StoredChunk> {
  const { signal, index } = chunk;
  const { digest, ...body } = hashedBody(spool.slice(0, size));
  const native = await multipart.part(state, index + 1, body, { signal }).catch(unlessOver);
  const { hash } = await digest();
  return { size, segments: [], native, hash, pendingCleanup: [] };
}

/**
 * The store no longer has its upload: it was finished or aborted in the meantime, by us or by the
 * store itself.
 */
function unlessOver(error: unknown): never {
  throw isStowageError(error, 'not_found') ? noSession() : error;
}
