import { describe, expect, it } from 'vitest';
import { createPacer } from './pacer.ts';
import { createSemaphore } from './semaphore.ts';

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

describe('semaphore', () => {
  it('forgets waiters that leave', async () => {
    const semaphore = createSemaphore(1);
    const release = await semaphore.acquire();
    const stop = new AbortController();
    const leaving = semaphore.acquire(stop.signal);
    const staying = semaphore.acquire();
    stop.abort(new Error('left'));
    await expect(leaving).rejects.toThrow('left');
    release();
    release();
    (await staying)();
    expect(semaphore.waiting).toBe(0);
  });
});
