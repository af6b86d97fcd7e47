import { describe, expect, it, vi } from 'vitest';
import { createPacer } from './pacer.ts';

const signal = new AbortController().signal;

describe('pacer', () => {
  it('never lets more through than a window allows, in the order of the calls', async () => {
    const pacer = createPacer({ perSecond: 5 });
    const times: number[] = [];
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 11 }, async (_, index) => {
        await pacer.take(signal);
        times.push(performance.now());
        order.push(index);
      }),
    );
    expect(order).toEqual([...order].sort((one, other) => one - other));
    for (const [at, time] of times.entries()) {
      const sixth = times[at + 5];
      if (sixth !== undefined) {
        expect(sixth - time).toBeGreaterThan(990);
      }
    }
  });

  it('less than one a second is one in as many seconds', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const pacer = createPacer({ perSecond: 0.25 });
    await pacer.take(signal);
    let isTaken = false;
    const second = pacer.take(signal).then(() => {
      isTaken = true;
    });
    await vi.advanceTimersByTimeAsync(3999);
    expect(isTaken).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await second;
    vi.useRealTimers();
  });

  it('gives an aborted turn to the next', async () => {
    const pacer = createPacer({ perSecond: 1 });
    const stop = new AbortController();
    await pacer.take(signal);
    const first = pacer.take(stop.signal);
    const second = pacer.take(signal);
    stop.abort(new Error('left'));
    await expect(first).rejects.toThrow('left');
    await second;
  });
});
