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
  /** 1 GiB. */
  readonly large: string;
  /** 500 MiB. */
  readonly half: string;
  /** 100 MiB. */
  readonly medium: string;
  /** 90 MB. */
  readonly picture: string;
  /** A PNG of 10 KiB. */
  readonly thumbnail: string;
  /** 10 KiB each. */
  readonly small: readonly string[];
  /** The file in pieces of so many bytes, each a file; the last may be smaller. */
  cut(file: string, bytes: number): Promise<readonly string[]>;
  remove(): Promise<void>;
}

export async function makeSamples(scale: number): Promise<Samples> {
  const folder = await mkdtemp(
    join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'stowage-bench-'),
  );
  const make = async (name: string, bytes: number) => {
    await write(join(folder, name), Math.ceil(bytes));
    return join(folder, name);
  };
  const thumbnail = join(folder, 'thumbnail.png');
  await writeFile(thumbnail, noisePng(58));
  const cuts = new Map<number, Promise<readonly string[]>>();
  const small = Array.from({ length: 200 }, (_, index) => make(`small-${index}.bin`, 10 * 1024));
  return {
    large: await make('large.mp4', 1024 * MIB * scale),
    half: await make('half.mp4', 500 * MIB * scale),
    medium: await make('medium.mp4', 100 * MIB * scale),
    picture: await make('picture.bin', 90e6 * scale),
    thumbnail,
    small: await Promise.all(small),
    cut: (file, bytes) => cuts.getOrInsertComputed(bytes, () => cut(file, bytes)),
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

async function cut(path: string, bytes: number): Promise<readonly string[]> {
  const { size } = await stat(path);
  const file = await open(path);
  const pieces: string[] = [];
  try {
    for (let start = 0; start < size; start += bytes) {
      const { buffer, bytesRead } = await file.read(
        Buffer.allocUnsafe(Math.min(bytes, size - start)),
        { position: start },
      );
      const piece = `${path}.${bytes}.${pieces.length}`;
      await writeFile(piece, buffer.subarray(0, bytesRead));
      pieces.push(piece);
    }
  } finally {
    await file.close();
  }
  return pieces;
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
