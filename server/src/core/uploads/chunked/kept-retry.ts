import { isStowageError } from '../../errors.ts';
import { wait } from '../../guard/wait.ts';
import type { UploadPart } from '../../metadata.ts';
import { createHasher } from '../../streams/hash.ts';
import type { ChunkStore } from './chunk-store.ts';
import type { ChunkedUpload } from './chunked-details.ts';
import { ChunkedRefusal } from './chunked-refusal.ts';
import { type KeptChunk, type KeptChunks, openKept } from './kept-chunks.ts';

// Upload API 2.4: "retries failed chunks (up to 5 times)".
const maxRounds = 5;
const parallelChunks = 3;
const baseWaitMs = 500;
const maxWaitMs = 15_000;

/** Retries chunks whose backend failed, from the copies that were kept. */
export class KeptRetry {
  readonly #store: ChunkStore;
  readonly #kept: KeptChunks;

  constructor(store: ChunkStore, kept: KeptChunks) {
    this.#store = store;
    this.#kept = kept;
  }

  /** True when at least one that is not among the `stored` ones is stored now. */
  async storeAll(
    upload: ChunkedUpload,
    stored: readonly UploadPart[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const have = new Set(stored.map(({ index }) => index));
    let left = (await this.#kept.list(upload.id)).filter(({ index }) => !have.has(index));
    const wanted = left.length;
    for (let round = 1; left.length > 0; round++) {
      const failures = await this.#storeEach(upload, left, signal);
      left = left.filter((chunk) => failures.has(chunk));
      if (left.length === 0 || round === maxRounds) {
        break;
      }
      await wait(waitMs(round, [...failures.values()]), signal);
    }
    return left.length < wanted;
  }

  /** The chunks that failed, each with its error. Rejects when the upload has ended. */
  async #storeEach(
    upload: ChunkedUpload,
    chunks: readonly KeptChunk[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<KeptChunk, unknown>> {
    const failures = new Map<KeptChunk, unknown>();
    const queue = chunks.values();
    const work = async (): Promise<void> => {
      for (const chunk of queue) {
        await this.#storeOne(upload, chunk, signal).catch((error: unknown) => {
          if (error instanceof ChunkedRefusal) {
            throw error;
          }
          failures.set(chunk, error);
        });
      }
    };
    await Promise.all(Array.from({ length: parallelChunks }, work));
    return failures;
  }

  async #storeOne(upload: ChunkedUpload, kept: KeptChunk, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { index } = kept;
    // A copy that a crash has truncated is useless: the client sends the chunk again.
    if (!(await isWhole(kept))) {
      return this.#kept.drop(upload.id, index);
    }
    const chunk = { upload, index, sender: upload.owner, signal };
    await this.#store.putKept(chunk, openKept(kept));
  }
}

async function isWhole(chunk: KeptChunk): Promise<boolean> {
  const hasher = createHasher();
  for await (const bytes of openKept(chunk)) {
    hasher.update(bytes);
  }
  return hasher.digest() === chunk.hash;
}

function waitMs(round: number, failures: readonly unknown[]): number {
  const asked = failures.map((error) => (isStowageError(error) ? (error.retryAfterMs ?? 0) : 0));
  return Math.min(maxWaitMs, Math.max(baseWaitMs * 2 ** (round - 1), ...asked));
}
