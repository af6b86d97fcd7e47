import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ByteSource } from '../../../core/bytes.ts';
import { awsChunked } from './aws-chunked.ts';

const mebibyte = 2 ** 20;

async function* cut(bytes: Buffer, sizes: readonly number[]): ByteSource {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] as number;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** Takes the framing apart as a service does. */
function unframe(framed: Buffer): { readonly chunks: readonly Buffer[]; readonly trailer: string } {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = framed.indexOf('\r\n', at);
    const line = framed.toString('latin1', at, lineEnd);
    expect(line).toMatch(/^[0-9a-f]+$/);
    const size = Number.parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) {
      return { chunks, trailer: framed.toString('latin1', at) };
    }
    chunks.push(framed.subarray(at, at + size));
    expect(framed.toString('latin1', at + size, at + size + 2)).toBe('\r\n');
    at += size + 2;
  }
}

it('frames a body of known length whatever its pieces, with the checksum behind it', async () => {
  const sizes = fc.oneof(
    fc.integer({ min: 0, max: 3 * mebibyte }),
    fc.constantFrom(0, 1, mebibyte - 1, mebibyte, mebibyte + 1, 2 * mebibyte),
  );
  const pieces = fc.array(fc.constantFrom(1_000, 65_536, mebibyte, 2 * mebibyte + 3, 777_777), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(sizes, pieces, async (size, cuts) => {
      const bytes = Buffer.alloc(size, 'abcdefg');
      const { body, contentLength, headers } = awsChunked(cut(bytes, cuts), size);
      const framed = Buffer.concat(await Array.fromAsync(body));
      expect(framed.length).toBe(contentLength);
      expect(headers['x-amz-decoded-content-length']).toBe(String(size));
      const { chunks, trailer } = unframe(framed);
      expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
      // Amazon refuses small chunks in the middle.
      expect(chunks.slice(0, -1).every(({ length }) => length === mebibyte)).toBe(true);
      const sum = Buffer.alloc(4);
      sum.writeUInt32BE(crc32(bytes));
      expect(trailer).toBe(`x-amz-checksum-crc32:${sum.toString('base64')}\r\n\r\n`);
    }),
    { numRuns: 40 },
  );
});

it('copies no bytes', async () => {
  const bytes = Buffer.alloc(3 * mebibyte);
  const parts = await Array.fromAsync(awsChunked(cut(bytes, [bytes.length]), bytes.length).body);
  const large = parts.filter(({ length }) => length > 100);
  expect(large.map(({ buffer }) => buffer)).toEqual([bytes.buffer, bytes.buffer, bytes.buffer]);
});
