import { expect, it } from 'vitest';
import { createFairPlaces } from './fair-places.ts';

const never = new AbortController().signal;

it('one owner leaves room for others, and all together have a limit', async () => {
  const places = createFairPlaces({ total: 3, perOwner: 2 });
  const held: string[] = [];
  const take = (owner: string, signal = never) =>
    places.acquire(owner, signal).then((release) => {
      held.push(owner);
      return release;
    });
  const a = [take('a'), take('a'), take('a')];
  const b = take('b');
  const [first] = await Promise.all([a[0], a[1], b]);
  expect(held).toEqual(['a', 'a', 'b']);

  const gone = new AbortController();
  const c = take('c', gone.signal);
  gone.abort(new Error('left'));
  await expect(c).rejects.toThrow('left');

  first?.();
  first?.();
  await a[2];
  expect(held).toEqual(['a', 'a', 'b', 'a']);
  const late = take('c');
  (await b)();
  await late;
  expect(held.at(-1)).toBe('c');
});
