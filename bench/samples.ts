import { randomBytes, randomFillSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MIB = 2 ** 20;

/** Files to upload, in memory where the machine has a place for that, so that reading them costs next to nothing. */
export interface Samples {
  /** 1 GiB. */
  readonly large: string;
  /** 100 MiB. */
  readonly medium: string;
  /** 90 MB. */
  readonly picture: string;
  /** 10 KiB each. */
  readonly small: readonly string[];
  remove(): Promise<void>;
}

export async function makeSamples(scale: number): Promise<Samples> {
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'stowage-bench-'));
  const make = async (name: string, bytes: number) => {
    await write(join(folder, name), Math.ceil(bytes));
    return join(folder, name);
  };
  const small = Array.from({ length: 200 }, (_, index) => make(`small-${index}.bin`, 10 * 1024));
  return {
    large: await make('large.mp4', 1024 * MIB * scale),
    medium: await make('medium.mp4', 100 * MIB * scale),
    picture: await make('picture.bin', 90e6 * scale),
    small: await Promise.all(small),
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
      if (left === bytes && path.endsWith('.mp4')) start.copy(block);
      await file.write(block, 0, Math.min(left, block.length));
    }
  } finally {
    await file.close();
  }
}
