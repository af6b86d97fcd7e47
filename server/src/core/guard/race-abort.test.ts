import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { raceAbort } from './race-abort.ts';

describe('raceAbort', () => {
  it('settles as the work does and leaves no listener', async () => {
    const { signal } = new AbortController();
    expect(await raceAbort(Promise.resolve(1), signal)).toBe(1);
    await expect(raceAbort(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('rejects with the reason at once, and ignores a failure of the work afterwards', async () => {
    const gone = new AbortController();
    const work = Promise.withResolvers<never>();
    const racing = raceAbort(work.promise, gone.signal);
    gone.abort(new RangeError('gone'));
    await expect(racing).rejects.toThrow('gone');
    work.reject(new Error('late'));
    await new Promise(setImmediate);
  });

  it('an aborted signal comes first, even before work that has ended', async () => {
    const aborted = AbortSignal.abort(new RangeError('gone'));
    await expect(raceAbort(Promise.resolve(1), aborted)).rejects.toThrow('gone');
    await expect(raceAbort(Promise.reject(new Error('no')), aborted)).rejects.toThrow('gone');
    await new Promise(setImmediate);
    expect(getEventListeners(aborted, 'abort')).toEqual([]);
  });
});
