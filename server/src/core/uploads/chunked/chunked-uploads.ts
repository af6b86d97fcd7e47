import type { Caller } from '../../access/access.ts';
import { hourMs } from '../../clock.ts';
import type { NewJob, StoredFile, Upload, UploadPart } from '../../metadata.ts';
import { abortMultipartJob, deleteObjectJob } from '../../storage/cleanup-jobs.ts';
import type { OpenUploads } from '../open-uploads.ts';
import { type ChunkBody, ChunkStore, type ChunkStoreOptions } from './chunk-store.ts';
import { type ChunkedUpload, mergeResultOf, nativeOf } from './chunked-details.ts';
import { ChunkedRefusal, noSession } from './chunked-refusal.ts';
import { ChunkedRows, type ChunkedRowsOptions } from './chunked-rows.ts';
import { FileMaker, type FileMakerOptions, type Merged } from './file-maker.ts';
import { KeptRetry } from './kept-retry.ts';
import { Merger, type MergerOptions } from './merger.ts';
import { reclaimNative } from './native-object.ts';
import { NativeParts, type NativePartsOptions } from './native-parts.ts';
import { type ChunkedInit, isWithin, type NewChunkedOptions, newChunked } from './new-chunked.ts';
import { type ChunkedStep, mayContinue, Sessions } from './sessions.ts';

export interface ChunkPut extends ChunkedStep {
  /** 0-based. */
  readonly index: number;
  readonly body: ChunkBody;
  readonly signal: AbortSignal;
}

export interface ChunkedStatus {
  readonly upload: ChunkedUpload;
  /** Indexes that are stored, ascending. */
  readonly stored: readonly number[];
  /** Present once merged. */
  readonly file: StoredFile | undefined;
}

export interface ChunkedUploadsOptions
  extends ChunkedRowsOptions,
    ChunkStoreOptions,
    NativePartsOptions,
    FileMakerOptions,
    MergerOptions,
    NewChunkedOptions {
  readonly files: FileMakerOptions['files'];
  readonly openUploads: OpenUploads;
}

const mergeLimitMs = hourMs;

/**
 * Upload API 2: parts in any order, in parallel, repeatable, on any node; merge when all are in.
 * Steps fail with a `ChunkedRefusal`.
 */
export class ChunkedUploads {
  readonly #options: ChunkedUploadsOptions;
  readonly #sessions: Sessions;
  readonly #store: ChunkStore;
  readonly #merger: Merger;
  readonly #merging = new Map<string, Promise<Merged>>();

  constructor(options: ChunkedUploadsOptions) {
    const rows = new ChunkedRows(options);
    const native = new NativeParts(rows, options);
    const store = new ChunkStore(rows, native, options);
    const keptRetry = new KeptRetry(store, options.kept);
    const fileMaker = new FileMaker(options);
    this.#options = options;
    this.#sessions = new Sessions(rows, options);
    this.#store = store;
    this.#merger = new Merger({ rows, store, keptRetry, native, fileMaker }, options);
  }

  async init(input: ChunkedInit, caller: Caller): Promise<ChunkedUpload> {
    const upload = await newChunked(input, caller, this.#options);
    await this.#options.openUploads.begin(upload, input.ip);
    return upload;
  }

  /** Resolves when the chunk is stored durably. */
  async put(input: ChunkPut, caller: Caller): Promise<void> {
    const { index, totalChunks, body, signal } = input;
    const found = await this.#sessions.findFor(input, caller);
    if (found.state === 'done') {
      throw noSession();
    }
    if (!isWithin(index, 0, totalChunks - 1)) {
      throw new ChunkedRefusal({ reason: 'bad_index', totalChunks });
    }
    const upload = await this.#sessions.applyNaming(found, input);
    await this.#store.put({ upload, index, sender: caller.owner, signal }, body);
  }

  /**
   * Idempotent for a day; a failed merge loses nothing. Continues when the caller hangs up, because
   * others may wait for it.
   */
  async merge(input: ChunkedStep, caller: Caller): Promise<Merged> {
    const upload = await this.#sessions.findFor(input, caller);
    const running = this.#merging.get(upload.id);
    if (running !== undefined) {
      return running;
    }
    const signal = AbortSignal.timeout(mergeLimitMs);
    const merge = this.#merger
      .merge({ upload, naming: input, caller, signal })
      .finally(() => this.#merging.delete(upload.id));
    this.#merging.set(upload.id, merge);
    return merge;
  }

  async status(uploadId: string, caller: Caller): Promise<ChunkedStatus> {
    const { metadata, files } = this.#options;
    const upload = await this.#sessions.find(uploadId, caller);
    const parts = await metadata.uploads.parts(uploadId);
    const result = mergeResultOf(upload);
    return {
      upload,
      stored: parts.filter(({ state }) => state === 'stored').map(({ index }) => index),
      file: result && (await files.get(result.fileId)),
    };
  }

  /**
   * Cancels the upload and removes its parts. For an unknown id, or another caller's upload, it
   * does nothing.
   */
  async cleanup(uploadId: string, caller: Caller): Promise<void> {
    const { metadata, kept } = this.#options;
    for (;;) {
      const upload = await metadata.uploads.get(uploadId);
      if (upload === undefined || upload.kind !== 'chunked' || !mayContinue(upload, caller)) {
        return;
      }
      if (await this.removeExpired(upload)) {
        return kept.dropUpload(upload.id);
      }
    }
  }

  /** False, with nothing removed, when the row has changed in the meantime. */
  async removeExpired(upload: Upload): Promise<boolean> {
    const { uploads } = this.#options.metadata;
    const jobs = upload.state === 'done' ? [] : await this.#cleanupJobs(upload);
    return uploads.remove(upload.id, upload.version, jobs);
  }

  /** Removes what this node keeps of chunks whose upload has ended, here or on another node. */
  sweepKept(): Promise<void> {
    const { metadata, kept } = this.#options;
    return kept.sweep(async (id) => (await metadata.uploads.get(id))?.state === 'open');
  }

  /** The row may be broken. */
  async #cleanupJobs(upload: Upload): Promise<readonly NewJob[]> {
    const { metadata, pool, now } = this.#options;
    const channel = pool.all().find(({ id }) => id === upload.channelId);
    const native = nativeOf(upload);
    return [
      ...objectJobs(upload, await metadata.uploads.parts(upload.id), now()),
      ...(native ? [abortMultipartJob(upload.channelId, native.state, now())] : []),
      ...reclaimNative(upload, channel, now()),
    ];
  }
}

function objectJobs(
  { channelId }: Upload,
  parts: readonly UploadPart[],
  at: number,
): readonly NewJob[] {
  const segments = parts.flatMap((part) => part.segments);
  return segments.map((segment) => deleteObjectJob(channelId, segment, at));
}
