import { describe, expect, it } from 'vitest';
import type { ByteSource } from '../../core/bytes.ts';
import { collect, untilAborted } from './body.ts';

const signal = new AbortController().signal;

async function* of(...chunks: Uint8Array[]): ByteSource {
  yield* chunks;
}

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
