import { isStowageError } from '../../errors.ts';
import { wait } from '../../guard/wait.ts';
import type { Upload, UploadPart } from '../../metadata.ts';
import { createHasher } from '../../streams/hash.ts';
import { chunkedDetails } from './chunked-details.ts';
import { ChunkedRefusal, type ChunkedUploadOptions } from './chunked-types.ts';
import type { InFlight } from './in-flight.ts';
import { type KeptChunk, openKept } from './kept-chunks.ts';
import { storeKeptChunk } from './store-chunk.ts';

interface KeptJob {
  readonly upload: Upload;
  readonly stored: readonly UploadPart[];
  readonly options: ChunkedUploadOptions;
  readonly inFlight: InFlight;
  readonly signal: AbortSignal;
}

// Upload API 2.4: "retries failed chunks (up to 5 times)".
const maxRounds = 5;
const parallelChunks = 3;
const baseWaitMs = 500;
const maxWaitMs = 15_000;

/**
 * Stores chunks again whose backend had failed. True when at least one of those that were missing
 * is stored now.
 */
export async function storeKeptChunks(job: KeptJob): Promise<boolean> {
  const have = new Set(job.stored.map(({ index }) => index));
  let left = (await job.options.kept.list(job.upload.id)).filter(({ index }) => !have.has(index));
  const wanted = left.length;
  for (let round = 1; left.length > 0; round++) {
    const failures = await storeAll(job, left);
    left = left.filter((chunk) => failures.has(chunk));
    if (left.length === 0 || round === maxRounds) {
      break;
    }
    await wait(waitMs(round, [...failures.values()]), job.signal);
  }
  return left.length < wanted;
}

/** The chunks that failed, with what they failed of. Rejects when the upload has ended. */
async function storeAll(
  job: KeptJob,
  chunks: readonly KeptChunk[],
): Promise<ReadonlyMap<KeptChunk, unknown>> {
  const failures = new Map<KeptChunk, unknown>();
  const queue = chunks.values();
  const work = async (): Promise<void> => {
    for (const chunk of queue) {
      await storeOne(job, chunk).catch((error: unknown) => {
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

async function storeOne(
  { upload, options, inFlight, signal }: KeptJob,
  chunk: KeptChunk,
): Promise<void> {
  signal.throwIfAborted();
  // A copy that a crash has cut is worth nothing: the client sends it again.
  if (!(await isWhole(chunk))) {
    return options.kept.drop(upload.id, chunk.index);
  }
  const { filename, totalChunks } = chunkedDetails(upload);
  const input = {
    uploadId: upload.id,
    filename,
    totalChunks,
    index: chunk.index,
    source: openKept(chunk),
    signal,
  };
  await storeKeptChunk({ input, upload, options, inFlight, sender: upload.owner });
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
