import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tap } from '../../core/streams/tap.ts';
import { attachmentName, attachmentType } from './attachment.ts';
import { orOneByte } from './or-one-byte.ts';
import { failForStatus, retryAfterMs } from './status.ts';

async function* inChunks(bytes: Uint8Array, chunkBytes: number) {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    yield bytes.subarray(at, at + chunkBytes);
  }
}

const collect = async (source: AsyncIterable<Uint8Array>) =>
  Buffer.concat(await Array.fromAsync(source));

describe('attachment names', () => {
  it('are never empty, hold no path or control character, and are short', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (filename) => {
        const name = attachmentName({ filename, key: 'a/b/key.bin' });
        expect(name).toMatch(/^[^/\\\p{Cc}]+$/u);
        expect(name.length).toBeLessThanOrEqual(200);
        expect(name.isWellFormed()).toBe(true);
      }),
    );
  });

  it('keep the ending when cut, and fall back to the key', () => {
    expect(attachmentName({ filename: `${'n'.repeat(300)}.jpeg`, key: 'k' })).toMatch(/^n+\.jpeg$/);
    expect(attachmentName({ key: 'folder/key.bin' })).toBe('key.bin');
    expect(attachmentName({ filename: '..', key: 'folder/key/' })).toBe('key');
  });
});

describe('attachment types', () => {
  it.each([
    ['image/png', 'image/png'],
    ['text/plain; charset=utf-8', 'text/plain'],
    ['', 'application/octet-stream'],
    ['image/png\r\nX: y', 'application/octet-stream'],
    ['text/日本', 'application/octet-stream'],
  ])('%j -> %s', (given, expected) => {
    expect(attachmentType(given)).toBe(expected);
  });
});

it('one byte stands in for none, and nothing else is changed', async () => {
  const some = tap(inChunks(Buffer.alloc(100), 30), {});
  expect((await collect(orOneByte(some))).length).toBe(100);
  const none = tap(inChunks(Buffer.alloc(0), 1), {});
  expect((await collect(orOneByte(none))).length).toBe(1);
  expect(none.bytes).toBe(0);
});

describe('status', () => {
  it.each([
    [400, 'channel_refused'],
    [401, 'channel_unauthorized'],
    [403, 'channel_unauthorized'],
    [404, 'not_found'],
    [413, 'too_large'],
    [429, 'channel_rate_limited'],
    [500, 'channel_unavailable'],
    [503, 'channel_unavailable'],
    [507, 'channel_full'],
  ])('%i -> %s', (status, code) => {
    expect(failForStatus({ service: 'Test', status, words: 'why' })).toMatchObject({
      code,
      message: `Test answered ${status}: why`,
    });
  });

  it('reads Retry-After as seconds or a date', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    expect(retryAfterMs('1.5', now)).toBe(1500);
    expect(retryAfterMs('Thu, 01 Jan 2026 00:00:10 GMT', now)).toBe(10_000);
    expect(retryAfterMs('Wed, 31 Dec 2025 00:00:10 GMT', now)).toBe(0);
    expect(retryAfterMs('soon', now)).toBeUndefined();
    expect(retryAfterMs(undefined, now)).toBeUndefined();
  });
});
