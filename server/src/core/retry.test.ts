import { describe, expect, it, vi } from 'vitest';
import { type ErrorDetails, fail } from './errors.ts';
import { type RetryPolicy, withRetry } from './retry.ts';

const quick: RetryPolicy = { attempts: 3, baseMs: 1, maxMs: 2 };
const { signal } = new AbortController();

/** A call that fails in these ways, one after the other, and then answers how often it was called. */
function failing(...errors: readonly Error[]) {
  return vi.fn(async (attempt: number) => {
    const error = errors[attempt - 1];
    if (error !== undefined) throw error;
    return attempt;
  });
}

const away = () => fail('channel_unavailable');
const busy = (details: ErrorDetails = {}) => fail('channel_rate_limited', details);

describe('withRetry', () => {
  it('repeats what may pass', async () => {
    expect(await withRetry(failing(away(), busy(), away()), signal, quick)).toBe(4);
  });

  it('gives up after so many failures, with the last one', async () => {
    const last = away();
    const call = failing(away(), away(), last, away());
    await expect(withRetry(call, signal, quick)).rejects.toBe(last);
    expect(call).toHaveBeenCalledTimes(3);
  });

  it('does not count how often the remote puts it off, only how long', async () => {
    expect(await withRetry(failing(...Array.from({ length: 20 }, () => busy({ retryAfterMs: 1 }))), signal, quick)).toBe(21);
    const call = failing(...Array.from({ length: 20 }, () => busy({ retryAfterMs: 4 })));
    await expect(withRetry(call, signal, { ...quick, putOffMs: 20 })).rejects.toThrow();
    expect(call.mock.calls.length).toBeGreaterThan(3);
    expect(call.mock.calls.length).toBeLessThan(7);
  });

  it('waits as long as it was asked to, and a little more, each for itself', async () => {
    const startedAt = performance.now();
    await withRetry(failing(busy({ retryAfterMs: 50 })), signal, quick);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(49);
  });

  it('does not wait longer than its patience', async () => {
    const call = failing(busy({ retryAfterMs: 61_000 }));
    await expect(withRetry(call, signal, quick)).rejects.toThrow();
    expect(call).toHaveBeenCalledTimes(1);
  });

  it('never repeats what will not pass, nor for a caller who is gone', async () => {
    const refused = failing(fail('channel_refused'));
    await expect(withRetry(refused, signal, quick)).rejects.toThrow();
    const gone = failing(away());
    await expect(withRetry(gone, AbortSignal.abort(), quick)).rejects.toThrow();
    expect([refused, gone].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  });

  it('stops waiting when the caller goes', async () => {
    const leaving = new AbortController();
    const waiting = withRetry(failing(busy({ retryAfterMs: 30_000 })), leaving.signal, quick);
    setTimeout(() => leaving.abort(new Error('gone')), 5);
    await expect(waiting).rejects.toThrow('gone');
  });
});
