import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slowBody } from '../../../test/core-world.ts';
import type { ByteSource } from '../bytes.ts';
import { abortable } from './abortable.ts';
import { readAll } from './peek.ts';

const never = new AbortController().signal;

async function* chunksOf(chunks: readonly Uint8Array[], failAt = -1): ByteSource {
  for (const [at, chunk] of chunks.entries()) {
    if (at === failAt) {
      throw new RangeError('cut');
    }
    yield chunk;
  }
}

describe('abortable', () => {
  it('hands on what comes, and the end, and the error', async () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(chunks, fc.integer({ min: -1, max: 10 }), async (parts, failAt) => {
        const reading = readAll(abortable(chunksOf(parts, failAt), never));
        if (failAt >= 0 && failAt < parts.length) {
          await expect(reading).rejects.toThrow('cut');
        } else {
          expect(await reading).toEqual(Buffer.concat(parts));
        }
      }),
    );
  });

  it('a waiting reader hears of the abort at once, the source is told to stop', async () => {
    const { source, push, left } = slowBody();
    const gone = new AbortController();
    const reader = abortable(source, gone.signal)[Symbol.asyncIterator]();
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
    await expect(
      readAll(abortable(source, AbortSignal.abort(new RangeError('gone')))),
    ).rejects.toThrow('gone');
    expect(asked).toBe(false);
  });

  it('stop is the same, and nothing once the body has ended', async () => {
    const { source } = slowBody();
    const body = abortable(source, never);
    const reading = readAll(body);
    body.stop(() => new RangeError('enough'));
    await expect(reading).rejects.toThrow('enough');
    const ended = abortable(chunksOf([Buffer.from('all')]), never);
    expect((await readAll(ended)).toString()).toBe('all');
    ended.stop(() => new RangeError('late'));
    expect((await readAll(ended)).toString()).toBe('');
  });

  it('leaving early tells the source, and leaves no listener on the signal', async () => {
    const { source, push, left } = slowBody();
    const gone = new AbortController();
    push(Buffer.from('a'));
    for await (const _chunk of abortable(source, gone.signal)) {
      break;
    }
    await left;
    gone.abort();
  });
});
