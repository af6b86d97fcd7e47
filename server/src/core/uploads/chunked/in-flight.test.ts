import { describe, expect, it } from 'vitest';
import { createInFlight } from './in-flight.ts';

const failing = () => Promise.reject(new Error('no'));

describe('in flight', () => {
  it('has an upload until all its work has ended, failed work included', async () => {
    const inFlight = createInFlight();
    const { promise, resolve } = Promise.withResolvers<void>();
    const first = inFlight.run('u', () => promise);
    await expect(inFlight.run('u', failing)).rejects.toThrow('no');
    expect([inFlight.has('u'), inFlight.has('other')]).toEqual([true, false]);
    resolve();
    await first;
    expect(inFlight.has('u')).toBe(false);
  });

  it('takes turns for an index, in the order of the calls', async () => {
    const inFlight = createInFlight();
    let running = 0;
    const ended: number[] = [];
    const work = (id: number) => async (): Promise<number> => {
      expect(++running).toBe(1);
      await new Promise(setImmediate);
      running--;
      ended.push(id);
      return id;
    };
    expect(await Promise.all([1, 2, 3].map((id) => inFlight.inTurn('u', 0, work(id))))).toEqual([
      1, 2, 3,
    ]);
    expect(ended).toEqual([1, 2, 3]);
  });

  it('does not keep other indexes waiting', async () => {
    const inFlight = createInFlight();
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = inFlight.inTurn('u', 0, () => promise);
    expect(await inFlight.inTurn('u', 1, async () => 'other index')).toBe('other index');
    expect(await inFlight.inTurn('v', 0, async () => 'other upload')).toBe('other upload');
    resolve();
    await slow;
  });

  it('goes on after a failure', async () => {
    const inFlight = createInFlight();
    const failed = inFlight.inTurn('u', 0, failing);
    const next = inFlight.inTurn('u', 0, async () => 'yes');
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });
});
