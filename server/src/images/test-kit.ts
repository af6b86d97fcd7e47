import { createCipheriv } from 'node:crypto';
import type { RandomAccess } from '../core/probe.ts';

/** Counts what a prober reads of `bytes`; beyond them, `size` may promise zeros. */
export function counted(bytes: Uint8Array, size = bytes.length) {
  const count = { bytes: 0, reads: 0 };
  const content: RandomAccess = {
    size,
    async read(start, end) {
      const wanted = Math.min(end, size) - start;
      count.bytes += wanted;
      count.reads++;
      const read = Buffer.alloc(wanted);
      read.set(bytes.subarray(start, Math.min(end, size)));
      return read;
    },
  };
  return { content, count };
}

/** Stored bytes with large holes of zeros between the pieces. */
export function sparse(pieces: readonly { readonly at: number; readonly bytes: Uint8Array }[], size: number) {
  const { content, count } = counted(new Uint8Array(0), size);
  const read: RandomAccess['read'] = async (start, end) => {
    const bytes = Buffer.from(await content.read(start, end));
    for (const piece of pieces) {
      const from = Math.max(start, piece.at);
      const to = Math.min(start + bytes.length, piece.at + piece.bytes.length);
      if (from < to) bytes.set(piece.bytes.subarray(from - piece.at, to - piece.at), from - start);
    }
    return bytes;
  };
  return { content: { size, read }, count };
}

export const ascii = (text: string) => Buffer.from(text, 'latin1');

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** A box of the ISO base media file format. */
export function box(type: string, ...payload: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(payload);
  return Buffer.concat([u32(body.length + 8), ascii(type), body]);
}

/** A box with version and flags. */
export function fullBox(type: string, version: number, ...payload: readonly Uint8Array[]): Buffer {
  return box(type, u32(version << 24), ...payload);
}

export function pngChunk(type: string, data: Uint8Array): Buffer {
  return Buffer.concat([u32(data.length), ascii(type), data, u32(0)]);
}

export function png(width: number, height: number, ...chunks: readonly Uint8Array[]): Buffer {
  const header = pngChunk('IHDR', Buffer.concat([u32(width), u32(height), Buffer.of(8, 6, 0, 0, 0)]));
  const end = Buffer.concat([u32(0), ascii('IEND'), Buffer.of(0xae, 0x42, 0x60, 0x82)]);
  return Buffer.concat([ascii('\x89PNG\r\n\x1a\n'), header, ...chunks, end]);
}

/** An Exif block (TIFF) with an orientation. */
export function exif(orientation: number, order: 'II' | 'MM' = 'MM'): Buffer {
  const big = Buffer.concat([ascii('MM'), u16(42), u32(8), u16(1), u16(0x112), u16(3), u32(1), u16(orientation), u16(0), u32(0)]);
  if (order === 'MM') return big;
  const little = Buffer.from('49492a0008000000010012010300010000000000000000000000', 'hex');
  little.writeUInt16LE(orientation, 18);
  return little;
}

/** A JPEG of 60 x 40 pixels with segments of its own before the frame header, and a scan. */
export function jpeg(segments: readonly Uint8Array[], scan: Uint8Array, end: Uint8Array = Buffer.of(0xff, 0xd9)): Buffer {
  const frame = jpegSegment(0xc0, Buffer.concat([Buffer.of(8), u16(40), u16(60), Buffer.of(1, 1, 0x11, 0)]));
  const start = jpegSegment(0xda, Buffer.of(1, 1, 0, 0, 63, 0));
  return Buffer.concat([Buffer.of(0xff, 0xd8), ...segments, frame, start, scan, end]);
}

export function jpegSegment(marker: number, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0xff, marker), u16(payload.length + 2), payload]);
}

/** Bytes as in a scan: random, with a zero stuffed after every 0xFF. */
export function scanBytes(length: number): Buffer {
  const bytes = noise(length);
  for (let at = bytes.indexOf(0xff); at >= 0; at = bytes.indexOf(0xff, at + 1)) bytes.fill(0, at + 1, at + 2);
  return bytes;
}

/** Random bytes, the same in every run. */
export function noise(length: number): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(length));
}

export function repeated(bytes: Uint8Array, count: number): Buffer {
  return Buffer.alloc(bytes.length * count, bytes);
}
