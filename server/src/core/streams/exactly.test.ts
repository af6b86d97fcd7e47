import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ByteSource } from '../bytes.ts';
import { exactly } from './exactly.ts';

async function* of(...chunks: Uint8Array[]): ByteSource {
  yield* chunks;
}

describe('exactly', () => {
  it('passes on exactly the announced bytes, however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 10 }),
        async (chunks) => {
          const whole = Buffer.concat(chunks);
          const result = exactly(of(...chunks), whole.length);
          expect(Buffer.concat(await Array.fromAsync(result))).toEqual(whole);
          expect(result.isComplete).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([
    ['fewer', 11, 'incomplete_body'],
    ['more', 9, 'size_mismatch'],
  ])('a source with %s bytes is an error, and never looks whole', async (_, announced, code) => {
    const result = exactly(of(Buffer.alloc(9), Buffer.alloc(1)), announced);
    let passed = 0;
    const read = async () => {
      for await (const chunk of result) {
        passed += chunk.length;
      }
    };
    await expect(read()).rejects.toMatchObject({ code });
    expect(passed).toBeLessThan(announced);
    expect(result.isComplete).toBe(false);
  });

  it('a source that breaks after its last byte never looks whole', async () => {
    const error = new Error('hung up');
    async function* broken(): ByteSource {
      yield Buffer.alloc(5);
      yield Buffer.alloc(5);
      throw error;
    }
    const result = exactly(broken(), 10);
    const read = result[Symbol.asyncIterator]();
    expect((await read.next()).value).toHaveLength(5);
    await expect(read.next()).rejects.toBe(error);
    expect(result.isComplete).toBe(false);
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
    for await (const _ of exactly(endless(), 10 ** 9)) {
      break;
    }
    expect(stopped).toBe(true);
  });
});
