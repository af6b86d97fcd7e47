import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { watch } from './watch.ts';

const chunks = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)];

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const seen: Uint8Array[] = [];
  for await (const chunk of source) {
    seen.push(chunk);
  }
  return seen;
}

describe('watch', () => {
  it('shows every chunk and hands it on untouched, as often as the source can be read', async () => {
    const seen: Uint8Array[] = [];
    const source = {
      async *[Symbol.asyncIterator]() {
        yield* chunks;
      },
    };
    const watched = watch(source, { onChunk: (chunk) => seen.push(chunk) });
    expect(await collect(watched)).toEqual(chunks);
    expect(await collect(watched)).toEqual(chunks);
    expect(seen).toEqual([...chunks, ...chunks]);
  });

  it('leaves the source when the watcher refuses, and when the reader leaves', async () => {
    const refused = Readable.from(chunks);
    const watched = watch(refused, {
      onChunk: ([first]) => {
        if (first === 2) {
          throw new Error('enough');
        }
      },
    });
    await expect(collect(watched)).rejects.toThrow('enough');
    expect(refused.destroyed).toBe(true);
    const left = Readable.from(chunks);
    for await (const _ of watch(left, {})) {
      break;
    }
    expect(left.destroyed).toBe(true);
  });

  it('tells of failures of the source, not of its own', async () => {
    const failures: unknown[] = [];
    const broken = (async function* () {
      yield Uint8Array.of(1);
      throw new Error('cut');
    })();
    const iterator = watch(broken, { onError: (error) => failures.push((error as Error).message) })[
      Symbol.asyncIterator
    ]();
    await iterator.next();
    await expect(iterator.next()).rejects.toThrow('cut');
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(failures).toEqual(['cut']);
  });
});
