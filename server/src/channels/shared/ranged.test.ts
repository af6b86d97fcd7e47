import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HttpResponse } from '../../outbound/http-client.ts';
import { rangedResult } from './ranged.ts';

function answer(
  status: number,
  body: Uint8Array,
  options: { contentRange?: string; chunkBytes?: number } = {},
): HttpResponse {
  async function* stream() {
    const step = options.chunkBytes ?? 7;
    for (let at = 0; at < body.length; at += step) {
      yield body.subarray(at, at + step);
    }
  }
  return {
    status,
    header: () => options.contentRange,
    stream: stream(),
    text: async () => '',
    json: async () => undefined,
    discard: async () => undefined,
  };
}

const read = async (result: { stream: AsyncIterable<Uint8Array> }) =>
  Buffer.concat(await Array.fromAsync(result.stream));

const object = fc.uint8Array({ minLength: 1, maxLength: 200 }).chain((bytes) =>
  fc
    .tuple(
      fc.nat({ max: bytes.length - 1 }),
      fc.nat({ max: bytes.length - 1 }),
      fc.integer({ min: 1, max: 50 }),
    )
    .map(([a, b, chunkBytes]) => ({
      bytes,
      range: { start: Math.min(a, b), end: Math.max(a, b) },
      chunkBytes,
    })),
);

describe('ranged answers', () => {
  it('gives exactly the range, whether the server honours it or answers everything', async () => {
    await fc.assert(
      fc.asyncProperty(object, async ({ bytes, range, chunkBytes }) => {
        const wanted = Buffer.from(bytes.subarray(range.start, range.end + 1));
        const partial = answer(206, wanted, {
          contentRange: `bytes ${range.start}-${range.end}/${bytes.length}`,
          chunkBytes,
        });
        for (const response of [partial, answer(200, bytes, { chunkBytes })]) {
          const result = rangedResult(response, { service: 'Test', size: bytes.length, range });
          expect(result.size).toBe(wanted.length);
          expect(await read(result)).toEqual(wanted);
        }
      }),
    );
  });

  it('fails when bytes are missing', async () => {
    const result = rangedResult(answer(200, Buffer.alloc(99)), { service: 'Test', size: 100 });
    await expect(read(result)).rejects.toMatchObject({ code: 'channel_unavailable' });
  });

  it('fails when the server answers another range, or does not say which', () => {
    for (const contentRange of ['bytes 11-20/100', 'nonsense', undefined]) {
      const response = answer(
        206,
        Buffer.alloc(10),
        contentRange === undefined ? {} : { contentRange },
      );
      const open = () =>
        rangedResult(response, { service: 'Test', size: 100, range: { start: 10, end: 19 } });
      expect(open).toThrow(expect.objectContaining({ code: 'channel_unavailable' }));
    }
  });
});
