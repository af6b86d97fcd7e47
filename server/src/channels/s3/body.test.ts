import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ByteSource } from '../../core/bytes.ts';
import { collect, feed, untilAborted } from './body.ts';

const signal = new AbortController().signal;

async function* of(...chunks: Uint8Array[]): ByteSource {
  yield* chunks;
}

describe('feed', () => {
  it('passes on exactly the announced bytes, however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 10 }),
        async (chunks) => {
          const whole = Buffer.concat(chunks);
          const result = feed(of(...chunks), whole.length);
          expect(Buffer.concat(await Array.fromAsync(result.source))).toEqual(whole);
          expect(result).toMatchObject({ complete: true });
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([
    ['fewer', 11, 'incomplete_body'],
    ['more', 9, 'size_mismatch'],
  ])('a source with %s bytes is an error, and never looks whole', async (_, announced, code) => {
    const result = feed(of(Buffer.alloc(9), Buffer.alloc(1)), announced);
    let passed = 0;
    const read = async () => {
      for await (const chunk of result.source) {
        passed += chunk.length;
      }
    };
    await expect(read()).rejects.toMatchObject({ code });
    expect(passed).toBeLessThan(announced);
    expect(result.complete).toBe(false);
  });

  it('a source that breaks after its last byte never looks whole', async () => {
    const error = new Error('hung up');
    async function* broken(): ByteSource {
      yield Buffer.alloc(5);
      yield Buffer.alloc(5);
      throw error;
    }
    const result = feed(broken(), 10);
    const read = result.source[Symbol.asyncIterator]();
    expect((await read.next()).value).toHaveLength(5);
    await expect(read.next()).rejects.toBe(error);
    expect(result.complete).toBe(false);
  });

  it('stops the source when it is left', async () => {
    let stopped = false;
    async function* endless(): ByteSource {
      try {
        for (;;) {
          yield Buffer.alloc(1000);
        }
      } finally {
        stopped = true;
      }
    }
    for await (const _ of feed(endless(), 10 ** 9).source) {
      break;
    }
    expect(stopped).toBe(true);
  });
});

describe('collect', () => {
  it('fills one buffer and checks the length', async () => {
    const source = () => of(Buffer.from('ab'), Buffer.alloc(0), Buffer.from('c'));
    expect(Buffer.from(await collect(source(), 3, signal)).toString()).toBe('abc');
    await expect(collect(source(), 4, signal)).rejects.toMatchObject({ code: 'incomplete_body' });
    await expect(collect(source(), 2, signal)).rejects.toMatchObject({ code: 'size_mismatch' });
  });
});

describe('untilAborted', () => {
  it('rejects while the source is silent, and tells the source', async () => {
    const controller = new AbortController();
    let returned = false;
    const silent: ByteSource = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: async () => {
          returned = true;
          return { done: true, value: undefined };
        },
      }),
    };
    const read = Array.fromAsync(untilAborted(silent, controller.signal));
    setImmediate(() => controller.abort(new Error('left')));
    await expect(read).rejects.toThrow('left');
    expect(returned).toBe(true);
  });

  it('passes an error of the source on and does not start after an abort', async () => {
    const error = new Error('hung up');
    async function* broken(): ByteSource {
      yield Buffer.alloc(1);
      throw error;
    }
    await expect(Array.fromAsync(untilAborted(broken(), signal))).rejects.toBe(error);
    await expect(Array.fromAsync(untilAborted(broken(), AbortSignal.abort(error)))).rejects.toBe(
      error,
    );
  });
});
