import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createPacedQueue } from './paced-queue.ts';
import { createSemaphore } from './semaphore.ts';

afterEach(() => void vi.useRealTimers());

/** As many turns as the rule has left, numbered. */
function counted(rule: { left: number; ms: number }) {
  let turn = 0;
  return createPacedQueue({
    waitMs: () => (rule.left > 0 ? 0 : rule.ms),
    begin: () => {
      rule.left--;
      return ++turn;
    },
  });
}

describe('paced queue', () => {
  it('lets through as many as the rule allows, in the order of the calls', async () => {
    const rule = { left: 2, ms: Number.POSITIVE_INFINITY };
    const queue = counted(rule);
    const takes = [queue.take(), queue.take(), queue.take(), queue.take()];
    expect(await Promise.all(takes.slice(0, 2))).toEqual([1, 2]);
    expect(queue.waiting).toBe(2);
    rule.left = 2;
    queue.serve();
    expect(await Promise.all(takes)).toEqual([1, 2, 3, 4]);
  });

  it('looks again after the time that the rule gave', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const rule = { left: 0, ms: 50 };
    const queue = counted(rule);
    const taken = queue.take();
    rule.left = 1;
    await vi.advanceTimersByTimeAsync(49);
    expect(queue.waiting).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await taken).toBe(1);
  });

  it('an abort gives the place up, uses no turn and leaves neither timer nor listener', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const rule = { left: 0, ms: 50 };
    const queue = counted(rule);
    const gone = new AbortController();
    const left = queue.take(gone.signal);
    gone.abort(new RangeError('gone'));
    await expect(left).rejects.toThrow('gone');
    await expect(queue.take(gone.signal)).rejects.toThrow('gone');
    expect([queue.waiting, vi.getTimerCount()]).toEqual([0, 0]);
    expect(getEventListeners(gone.signal, 'abort')).toEqual([]);
    rule.left = 1;
    const staying = new AbortController();
    expect(await queue.take(staying.signal)).toBe(1);
    expect(getEventListeners(staying.signal, 'abort')).toEqual([]);
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
    (await semaphore.acquire())();
  });
});
