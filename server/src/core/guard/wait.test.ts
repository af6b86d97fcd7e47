import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { wait } from './wait.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

describe('wait', () => {
  it('takes as long as it is asked to', async () => {
    let isOver = false;
    const waiting = wait(100, new AbortController().signal).then(() => {
      isOver = true;
    });
    await vi.advanceTimersByTimeAsync(99);
    expect(isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await waiting;
  });

  it('ends with the reason of an abort, and leaves neither timer nor listener', async () => {
    const gone = new AbortController();
    const waiting = wait(100, gone.signal);
    gone.abort(new RangeError('gone'));
    await expect(waiting).rejects.toThrow('gone');
    await expect(wait(100, gone.signal)).rejects.toThrow('gone');
    expect(vi.getTimerCount()).toBe(0);
    expect(getEventListeners(gone.signal, 'abort')).toEqual([]);
  });
});
