import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slowBody } from '../../../test/core-world.ts';
import type { ByteSource } from '../bytes.ts';
import { readAll } from './peek.ts';
import { tap } from './tap.ts';

async function* chunksOf(chunks: readonly Uint8Array[], failAt = -1): ByteSource {
  for (const [at, chunk] of chunks.entries()) {
    if (at === failAt) {
      throw new RangeError('cut');
    }
    yield chunk;
  }
}

const abc = ['a', 'b', 'c'].map((text) => Buffer.from(text));

describe('tap', () => {
  it('hands on what comes, counted, and the end, and the error', async () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(chunks, fc.integer({ min: -1, max: 10 }), async (parts, failAt) => {
        const seen: Uint8Array[] = [];
        const events: unknown[] = [];
        const tapped = tap(chunksOf(parts, failAt), {
          onChunk: (chunk) => seen.push(chunk),
          onEnd: () => events.push('end'),
          onError: (error) => events.push(error),
        });
        const reading = readAll(tapped);
        if (failAt >= 0 && failAt < parts.length) {
          await expect(reading).rejects.toThrow('cut');
          expect(events).toEqual([new RangeError('cut')]);
          expect(await readAll(tapped)).toEqual(Buffer.alloc(0));
        } else {
          expect(await reading).toEqual(Buffer.concat(parts));
          expect(events).toEqual(['end']);
          expect(seen).toEqual(parts);
          expect(tapped.bytes).toBe(Buffer.concat(parts).length);
        }
      }),
    );
  });

  it('asks before each chunk, the end included', async () => {
    let pulls = 0;
    await readAll(tap(chunksOf(abc), { onPull: () => pulls++ }));
    expect(pulls).toBe(4);
  });

  it.each([
    [3, undefined],
    [2, { code: 'too_large', details: { maxBytes: 2 } }],
    [0, { code: 'too_large', details: { maxBytes: 0 } }],
  ])('with at most %i bytes', async (maxBytes, refusal) => {
    const reading = readAll(tap(chunksOf(abc), { maxBytes }));
    await (refusal === undefined ? reading : expect(reading).rejects.toMatchObject(refusal));
  });

  it('names another limit where that is asked for, and leaves the source', async () => {
    const { source, push, left } = slowBody();
    push(Buffer.alloc(5));
    const failures: unknown[] = [];
    const tooLarge = (): Error => new RangeError('of ten, five are left');
    const onError = (error: unknown) => failures.push(error);
    const reading = readAll(tap(source, { maxBytes: 4, tooLarge, onError }));
    await expect(reading).rejects.toThrow('of ten, five are left');
    expect(failures).toHaveLength(1);
    push(Buffer.alloc(1));
    await left;
  });

  it('leaves the source when a look at a chunk fails', async () => {
    const { source, push, left } = slowBody();
    push(Buffer.from('a'));
    const onChunk = (): never => {
      throw new RangeError('enough');
    };
    await expect(readAll(tap(source, { onChunk }))).rejects.toThrow('enough');
    await left;
  });

  it('a waiting reader hears of the abort at once, the source is told to stop', async () => {
    const { source, push, left } = slowBody();
    const gone = new AbortController();
    const reader = tap(source, { signal: gone.signal })[Symbol.asyncIterator]();
    push(Buffer.from('a'));
    expect(await reader.next()).toEqual({ done: false, value: Buffer.from('a') });
    const waiting = reader.next();
    gone.abort(new RangeError('gone'));
    await expect(waiting).rejects.toThrow('gone');
    await expect(reader.next()).rejects.toThrow('gone');
    push(Buffer.from('b'));
    await left;
  });

  it('an aborted signal keeps the source from being asked at all', async () => {
    let asked = false;
    const source: ByteSource = {
      [Symbol.asyncIterator]: () => {
        asked = true;
        return chunksOf([])[Symbol.asyncIterator]();
      },
    };
    const signal = AbortSignal.abort(new RangeError('gone'));
    await expect(readAll(tap(source, { signal }))).rejects.toThrow('gone');
    expect(asked).toBe(false);
  });

  it('stop is the same, and nothing once the bytes have ended', async () => {
    const { source } = slowBody();
    const body = tap(source, {});
    const reading = readAll(body);
    body.stop(() => new RangeError('enough'));
    await expect(reading).rejects.toThrow('enough');
    const ended = tap(chunksOf(abc), {});
    expect((await readAll(ended)).toString()).toBe('abc');
    ended.stop(() => new RangeError('late'));
    expect((await readAll(ended)).toString()).toBe('');
  });

  it('leaving early tells the source, and leaves no listener on the signal', async () => {
    const { source, push, left } = slowBody();
    const gone = new AbortController();
    push(Buffer.from('a'));
    for await (const _chunk of tap(source, { signal: gone.signal })) {
      break;
    }
    await left;
    gone.abort();
  });
});
