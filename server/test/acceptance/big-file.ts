import { createCipheriv, createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fixture } from './media-client.ts';

const mebibyte = 2 ** 20;

/**
 * `STOWAGE_TEST_BIG=1` runs the files of the specification; without it they are small enough for
 * every day.
 */
export const big = process.env.STOWAGE_TEST_BIG === '1';

export interface BigFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/**
 * An MP4 of exactly that many bytes: a real clip, then a box that players skip, full of the same
 * noise every time.
 */
export async function videoFile(
  folder: string,
  sizeBytes: number,
  name = 'video.mp4',
): Promise<BigFile> {
  const path = join(folder, name);
  const clip = fixture('clip-faststart.mp4');
  const box = Buffer.alloc(16);
  box.writeUInt32BE(1, 0);
  box.write('free', 4, 'latin1');
  box.writeBigUInt64BE(BigInt(sizeBytes - clip.length), 8);
  const head = Buffer.concat([clip, box]);
  const hash = createHash('sha256');
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  const file = await open(path, 'w');
  const write = async (bytes: Uint8Array): Promise<void> => {
    hash.update(bytes);
    await file.write(bytes);
  };
  try {
    await write(head);
    const zeros = Buffer.alloc(4 * mebibyte);
    for (let left = sizeBytes - head.length; left > 0; left -= zeros.length) {
      await write(noise.update(zeros.subarray(0, Math.min(left, zeros.length))));
    }
  } finally {
    await file.close();
  }
  return { path, sizeBytes, sha256: hash.digest('hex') };
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: mebibyte })) {
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}

/** Bytes `start` to `end` of the file, both included. */
export async function slice(path: string, start: number, end: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(end - start + 1);
    await file.read(bytes, 0, bytes.length, start);
    return bytes;
  } finally {
    await file.close();
  }
}
