import { expect, it } from 'vitest';
import type { ByteSource } from '../../core/bytes.ts';
import type { PutResult } from '../../core/channel.ts';
import { inTurn } from './in-turn.ts';

const signal = new AbortController().signal;
const source = (async function* () {})() as ByteSource;

it('waits for earlier calls with the same key, however they end, and for no others', async () => {
  const started: string[] = [];
  const ends: { resolve: (result: PutResult) => void; reject: (error: unknown) => void }[] = [];
  const put = inTurn((_, { key }) => {
    started.push(key);
    return new Promise((resolve, reject) => ends.push({ resolve, reject }));
  });
  const call = (key: string) => put(source, { key, contentType: 'a/b', signal });
  const [first, second, other, third] = [call('a'), call('a'), call('b'), call('a')];
  expect(started).toEqual(['a', 'b']);
  ends[0]?.reject(new Error('given up'));
  await expect(first).rejects.toThrow('given up');
  await expect.poll(() => started).toEqual(['a', 'b', 'a']);
  ends[2]?.resolve({ ref: 1, size: 1 });
  expect(await second).toEqual({ ref: 1, size: 1 });
  await expect.poll(() => started.length).toBe(4);
  for (const { resolve } of ends) {
    resolve({ ref: 2, size: 2 });
  }
  expect(await Promise.all([third, other])).toHaveLength(2);
});
