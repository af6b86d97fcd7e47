import type { Clock } from '../../clock.ts';
import { fail, isStowageError } from '../../errors.ts';
import { wait } from '../../guard/wait.ts';
import type { Files } from '../../library/files.ts';
import type { MetadataStore, UploadPart } from '../../metadata.ts';
import type { ChunkStore } from './chunk-store.ts';
import { type ChunkedUpload, type MergeResult, mergeResultOf } from './chunked-details.ts';
import { ChunkedRefusal, noSession } from './chunked-refusal.ts';
import type { ChunkedRows } from './chunked-rows.ts';
import type { FileMaker, Merged, MergeRequest } from './file-maker.ts';
import type { KeptChunks } from './kept-chunks.ts';
import type { KeptRetry } from './kept-retry.ts';
import type { NativeParts } from './native-parts.ts';

export interface MergerOptions {
  readonly metadata: MetadataStore;
  readonly files: Pick<Files, 'get'>;
  readonly kept: KeptChunks;
  readonly now: Clock;
}

interface Steps {
  readonly rows: ChunkedRows;
  readonly store: ChunkStore;
  readonly keptRetry: KeptRetry;
  readonly native: NativeParts;
  readonly fileMaker: FileMaker;
}

const pollMs = 100;
const maxWaitMs = 60_000;
const maxRounds = 8;

/** Waits until every part has arrived and makes them a file. */
export class Merger {
  readonly #options: MergerOptions;
  readonly #steps: Steps;

  constructor(steps: Steps, options: MergerOptions) {
    this.#options = options;
    this.#steps = steps;
  }

  /** A repeated merge returns the file of the first. A merge that fails changes nothing. */
  async merge(request: MergeRequest): Promise<Merged> {
    for (let round = 0; round < maxRounds; round++) {
      const upload = await this.#steps.rows.get(request.upload.id);
      if (upload === undefined) {
        throw noSession();
      }
      const result = mergeResultOf(upload);
      if (result !== undefined) {
        return this.#mergedBefore(result);
      }
      const merged = await this.#mergeNow({ ...request, upload });
      if (merged !== 'changed') {
        await this.#options.kept.dropUpload(upload.id);
        return merged;
      }
    }
    throw fail('conflict', { message: 'chunks keep being replaced while they are merged' });
  }

  async #mergedBefore({ fileId, fullUrl }: MergeResult): Promise<Merged> {
    const stored = await this.#options.files.get(fileId);
    if (stored === undefined) {
      throw noSession();
    }
    // The merge that made it may have failed at the very end, on its way to the disk.
    await this.#options.metadata.settled();
    return { stored, fullUrl };
  }

  /** `changed` when the parts must be read again. */
  async #mergeNow(request: MergeRequest): Promise<Merged | 'changed'> {
    const { upload, signal } = request;
    const { native, fileMaker } = this.#steps;
    const parts = await this.#completeParts(upload, signal);
    // A chunk that arrived in the meantime may have begun the store's own upload; so may this
    // merge, by storing a kept one.
    if (await this.#hasChanged(upload)) {
      return 'changed';
    }
    try {
      const isJoined = await native.joinLast(upload, parts, signal);
      return isJoined ? 'changed' : await fileMaker.make(request, parts);
    } catch (error) {
      const isRefused = isStowageError(error, 'unauthorized') || isStowageError(error, 'too_large');
      // An error of replaced parts, or of an upload that has ended, no longer matters.
      if (isRefused || !(await this.#hasChanged(upload))) {
        throw error;
      }
      return 'changed';
    }
  }

  async #hasChanged({ id, version }: ChunkedUpload): Promise<boolean> {
    return (await this.#options.metadata.uploads.get(id))?.version !== version;
  }

  /** All parts, after waiting for those that are still arriving, here or on another node. */
  async #completeParts(upload: ChunkedUpload, signal: AbortSignal): Promise<readonly UploadPart[]> {
    const { metadata, now } = this.#options;
    const giveUpAt = now() + maxWaitMs;
    let isRetried = false;
    for (;;) {
      const isReceiving = this.#steps.store.isReceiving(upload.id);
      const parts = await metadata.uploads.parts(upload.id);
      const stored = parts.filter(({ state }) => state === 'stored');
      if (stored.length === upload.details.totalChunks) {
        return stored;
      }
      if ((isReceiving || this.#isAnyComing(parts)) && now() <= giveUpAt) {
        await wait(pollMs, signal);
      } else if (isRetried || !(await this.#steps.keptRetry.storeAll(upload, stored, signal))) {
        const isGone = (await metadata.uploads.get(upload.id)) === undefined;
        throw isGone ? noSession() : incomplete(upload, stored);
      } else {
        isRetried = true;
      }
    }
  }

  #isAnyComing(parts: readonly UploadPart[]): boolean {
    const since = this.#options.now() - maxWaitMs;
    return parts.some(({ state, updatedAt }) => state === 'pending' && updatedAt > since);
  }
}

function incomplete({ details }: ChunkedUpload, stored: readonly UploadPart[]): ChunkedRefusal {
  const { totalChunks } = details;
  const have = new Set(stored.map(({ index }) => index));
  const all = Array.from({ length: totalChunks }, (_, index) => index);
  const missing = all.filter((index) => !have.has(index));
  return new ChunkedRefusal({ reason: 'incomplete', totalChunks, missing });
}
