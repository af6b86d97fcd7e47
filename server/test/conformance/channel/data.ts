import type { ByteRange, ByteSource } from '../../../src/core/bytes.ts';
import type { SizedBody } from '../../../src/core/channel.ts';
import { createHasher } from '../../../src/core/streams/hash.ts';

const blockBytes = 64 * 1024;

/**
 * A made-up file: its bytes follow from `seed`, so that gigabytes can be compared without being
 * held.
 */
export interface Sample {
  readonly seed: number;
  readonly size: number;
}

/** The sample's bytes, all or a range, in chunks of `chunkBytes`. */
export async function* bytesOf(
  sample: Sample,
  range?: ByteRange,
  chunkBytes = blockBytes,
): ByteSource {
  const end = range === undefined ? sample.size : range.end + 1;
  for (let at = range?.start ?? 0; at < end; ) {
    const size = Math.min(chunkBytes, end - at);
    yield slice(sample.seed, at, size);
    at += size;
  }
}

/** The sample as a body that can be opened again. */
export function bodyOf(sample: Sample, chunkBytes?: number): SizedBody {
  return { open: () => bytesOf(sample, undefined, chunkBytes), size: sample.size };
}

/** Hex BLAKE3 of the sample or of a range of it. */
export function sampleHash(sample: Sample, range?: ByteRange): Promise<string> {
  return hashSource(bytesOf(sample, range)).then(({ hash }) => hash);
}

export async function hashSource(
  source: ByteSource,
): Promise<{ readonly hash: string; readonly size: number }> {
  const hasher = createHasher();
  let size = 0;
  for await (const chunk of source) {
    hasher.update(chunk);
    size += chunk.byteLength;
  }
  return { hash: hasher.digest(), size };
}

/** The sample in one buffer, for the few small ones that a test must hold. */
export function bufferOf(sample: Sample): Buffer {
  return slice(sample.seed, 0, sample.size);
}

function slice(seed: number, start: number, size: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  const noise = noiseOf(seed);
  for (let done = 0; done < size; ) {
    const block = Math.floor((start + done) / blockBytes);
    const from = (start + done) % blockBytes;
    const count = Math.min(blockBytes - from, size - done);
    noise.copy(bytes, done, from, from + count);
    stamp(bytes.subarray(done, done + count), from, block);
    done += count;
  }
  return bytes;
}

/**
 * The first four bytes of a block carry its number, so that no two blocks are alike and a misplaced
 * one is noticed.
 */
function stamp(bytes: Buffer, from: number, block: number): void {
  for (let index = from; index < 4 && index - from < bytes.length; index++) {
    bytes[index - from] = (block >>> (8 * index)) & 0xff;
  }
}

const noises = new Map<number, Buffer>();

function noiseOf(seed: number): Buffer {
  const known = noises.get(seed);
  if (known !== undefined) {
    return known;
  }
  const words = new Uint32Array(blockBytes / 4);
  let state = (seed * 2654435761 + 0x9e3779b9) >>> 0 || 1;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state >>> 0;
  }
  const noise = Buffer.from(words.buffer);
  if (noises.size >= 32) {
    noises.clear();
  }
  noises.set(seed, noise);
  return noise;
}
