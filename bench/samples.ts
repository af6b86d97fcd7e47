import { randomBytes, randomFillSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';

const MIB = 2 ** 20;

/**
 * Files to upload, in memory where the machine has a place for that, so that reading them costs
 * next to nothing.
 */
export interface Samples {
  /** A video of 1 GiB. */
  readonly large: string;
  /** A video of 100 MiB. */
  readonly medium: string;
  /** 90 MB. */
  readonly ninety: string;
  /** A PNG of 10 KiB. */
  readonly thumbnail: string;
  /** 10 KiB each. */
  readonly small: readonly string[];
  /** `large` in pieces of so many bytes, each a file; the last may be smaller. */
  cut(bytes: number): Promise<Pieces>;
  remove(): Promise<void>;
}

export interface Pieces {
  readonly files: readonly string[];
  remove(): Promise<void>;
}

/** A scale of 1 makes them as large as they are called. */
export async function makeSamples(scale: number): Promise<Samples> {
  const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const folder = await mkdtemp(join(base, 'stowage-bench-'));
  const make = async (name: string, bytes: number) => {
    await write(join(folder, name), Math.ceil(bytes));
    return join(folder, name);
  };
  const thumbnail = join(folder, 'thumbnail.png');
  await writeFile(thumbnail, noisePng(58));
  const small = Array.from({ length: 100 }, (_, index) => make(`small-${index}.bin`, 10 * 1024));
  const large = await make('large.mp4', 1024 * MIB * scale);
  return {
    large,
    medium: await make('medium.mp4', 100 * MIB * scale),
    ninety: await make('ninety.bin', 90e6 * scale),
    thumbnail,
    small: await Promise.all(small),
    cut: (bytes) => cut(large, bytes),
    remove: () => rm(folder, { recursive: true }),
  };
}

/** Noise behind the first bytes of an MP4, so that a server that looks sees a video. */
async function write(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'w');
  const block = randomBytes(Math.min(bytes, MIB));
  const start = Buffer.from('\0\0\0\x18ftypisom\0\0\0\0isomiso2', 'latin1');
  try {
    for (let left = bytes; left > 0; left -= block.length) {
      randomFillSync(block, 0, Math.min(4096, block.length));
      if (left === bytes && path.endsWith('.mp4')) {
        start.copy(block);
      }
      await file.write(block, 0, Math.min(left, block.length));
    }
  } finally {
    await file.close();
  }
}

async function cut(path: string, bytes: number): Promise<Pieces> {
  const { size } = await stat(path);
  const folder = await mkdtemp(`${path}-pieces-`);
  const source = await open(path);
  const files: string[] = [];
  try {
    const buffer = Buffer.allocUnsafe(bytes);
    for (let position = 0; position < size; position += bytes) {
      const { bytesRead } = await source.read(buffer, { position });
      const piece = join(folder, String(files.length));
      await writeFile(piece, buffer.subarray(0, bytesRead));
      files.push(piece);
    }
  } finally {
    await source.close();
  }
  return { files, remove: () => rm(folder, { recursive: true }) };
}

/** A square of noise, which no compression makes smaller. */
function noisePng(side: number): Buffer {
  const header = Buffer.from([0, 0, 0, side, 0, 0, 0, side, 8, 2, 0, 0, 0]);
  const rows = randomBytes(side * (1 + 3 * side));
  // The first byte of a row is its filter.
  for (let row = 0; row < side; row++) {
    rows[row * (1 + 3 * side)] = 0;
  }
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([
    signature,
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(rows)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length);
  chunk.write(type, 4, 'latin1');
  data.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
  return chunk;
}
