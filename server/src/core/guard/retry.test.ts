import { describe, expect, it } from 'vitest';
import { type ErrorCode, fail } from '../errors.ts';
import { isTransient, withRetry } from './retry.ts';

const never = new AbortController().signal;
const quick = { attempts: 4, baseMs: 1, maxMs: 4 };

/** Fails so many times, then answers how often it was called. */
function failing(
  times: number,
  code: ErrorCode,
  details = {},
): { call: () => Promise<number>; readonly calls: () => number } {
  let calls = 0;
  const call = async (): Promise<number> => {
    calls++;
    if (calls <= times) {
      throw fail(code, details);
    }
    return calls;
  };
  return { call, calls: () => calls };
}

describe('retry', () => {
  it.each(['channel_unavailable', 'channel_rate_limited'] as const)(
    '%s passes, and is tried again',
    async (code) => {
      expect(isTransient(fail(code))).toBe(true);
      expect(await withRetry(failing(3, code).call, never, quick)).toBe(4);
    },
  );

  it.each([
    'channel_refused',
    'channel_unauthorized',
    'channel_full',
    'not_found',
    'too_large',
    'client_closed',
  ] as const)('%s does not', async (code) => {
    const { call, calls } = failing(1, code);
    await expect(withRetry(call, never, quick)).rejects.toMatchObject({ code });
    expect(calls()).toBe(1);
  });

  it('ends with the last error', async () => {
    const { call, calls } = failing(9, 'channel_unavailable');
    await expect(withRetry(call, never, quick)).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
    expect(calls()).toBe(4);
  });

  it('other errors are nobody’s business here', async () => {
    await expect(
      withRetry(() => Promise.reject(new RangeError('bug')), never, quick),
    ).rejects.toThrow('bug');
  });

  it('waits as long as the remote asked for, unless that is longer than anybody waits', async () => {
    const startedAt = performance.now();
    expect(
      await withRetry(failing(1, 'channel_rate_limited', { retryAfterMs: 60 }).call, never, quick),
    ).toBe(2);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(55);
    const { call, calls } = failing(1, 'channel_rate_limited', { retryAfterMs: 61_000 });
    await expect(withRetry(call, never, quick)).rejects.toMatchObject({ retryAfterMs: 61_000 });
    expect(calls()).toBe(1);
  });

  it('an abort ends the waiting', async () => {
    const gone = new AbortController();
    const { call, calls } = failing(9, 'channel_rate_limited', { retryAfterMs: 30_000 });
    const retrying = withRetry(call, gone.signal, quick);
    await Promise.resolve();
    gone.abort(fail('client_closed'));
    await expect(retrying).rejects.toMatchObject({ code: 'client_closed' });
    expect(calls()).toBe(1);
  });
});
