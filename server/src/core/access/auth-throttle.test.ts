import { describe, expect, it } from 'vitest';
import { minuteMs } from '../clock.ts';
import { createAuthThrottle, type GuessPlace, type SecretKind } from './auth-throttle.ts';

function scene() {
  const clock = { at: 1_000_000 };
  const waits: number[] = [];
  const brake = createAuthThrottle(
    () => clock.at,
    async (ms) => void waits.push(ms),
  );
  let secrets = 0;
  const place = (address: string, kind: SecretKind = 'code'): GuessPlace => ({ kind, address });
  /** Guesses with different wrong secrets; returns how many were rejected. */
  const guess = async (address: string, times: number, kind: SecretKind = 'code') => {
    const results = await Promise.allSettled(
      Array.from({ length: times }, () =>
        brake.failed(place(address, kind), [`wrong ${secrets++}`]),
      ),
    );
    return results.filter(({ status }) => status === 'rejected').length;
  };
  /** How long a right secret waits. */
  const right = async (address: string, kind: SecretKind = 'code') => {
    waits.length = 0;
    await brake.passed(place(address, kind));
    return waits[0] ?? 0;
  };
  return { clock, waits, brake, guess, right, place };
}

describe('guess brake', () => {
  it('lets three mistakes pass, then waits twice as long each time, up to 2 s', async () => {
    const { waits, guess } = scene();
    await guess('192.0.2.1', 11);
    expect(waits).toEqual([100, 200, 400, 800, 1600, 2000, 2000, 2000]);
  });

  it('lets a right secret wait exactly as long as a wrong one, whatever came before', async () => {
    for (let count = 0; count < 40; count++) {
      const one = scene();
      await one.guess('192.0.2.1', count);
      one.waits.length = 0;
      await one.guess('192.0.2.1', 1);
      const other = scene();
      await other.guess('192.0.2.1', count);
      expect(await other.right('192.0.2.1'), String(count)).toBe(one.waits[0] ?? 0);
    }
  });

  it('refuses wrong secrets after 30, after a wait, and never a right one', async () => {
    const { brake, guess, right, waits, place } = scene();
    expect(await guess('192.0.2.1', 30)).toBe(0);
    waits.length = 0;
    await expect(brake.failed(place('192.0.2.1'), ['x'])).rejects.toMatchObject({
      code: 'rate_limit_exceeded',
      retryAfterMs: 15 * minuteMs,
    });
    expect(waits).toEqual([2000]);
    expect(await right('192.0.2.1')).toBe(2000);
  });

  it('counts one wrong secret once, however often a stale client repeats it', async () => {
    const { brake, right, place } = scene();
    for (let n = 0; n < 100; n++) {
      await brake.failed(place('192.0.2.1'), ['stale']);
    }
    expect(await right('192.0.2.1')).toBe(0);
  });

  it('counts every secret of a request', async () => {
    const { brake, waits, place } = scene();
    await brake.failed(place('192.0.2.1'), ['a', 'b', 'c', 'd']);
    await brake.failed(place('192.0.2.1'), ['e', 'e']);
    await brake.failed(place('192.0.2.1'), ['f']);
    expect(waits).toEqual([200, 400]);
  });

  it('counts codes and tokens apart', async () => {
    const { guess, right } = scene();
    await guess('192.0.2.1', 40, 'token');
    expect([await right('192.0.2.1', 'code'), await right('192.0.2.1', 'token')]).toEqual([
      0, 2000,
    ]);
  });

  it('forgives a few mistakes after a right secret, but not used-up guesses', async () => {
    const { guess, right } = scene();
    await guess('192.0.2.1', 10);
    expect([await right('192.0.2.1'), await right('192.0.2.1')]).toEqual([2000, 0]);
    await guess('192.0.2.1', 30);
    expect([await right('192.0.2.1'), await right('192.0.2.1')]).toEqual([2000, 2000]);
  });

  it('ends 15 minutes after the guess that used them up, whatever comes then', async () => {
    const { clock, guess, right } = scene();
    await guess('192.0.2.1', 30);
    for (let minute = 0; minute < 14; minute++) {
      clock.at += minuteMs;
      expect(await guess('192.0.2.1', 5)).toBe(5);
    }
    clock.at += minuteMs;
    expect(await right('192.0.2.1')).toBe(0);
    expect(await guess('192.0.2.1', 30)).toBe(0);
  });
});

describe('networks', () => {
  it('are counted each for itself', async () => {
    const { guess, right } = scene();
    await guess('192.0.2.1', 30);
    expect([await right('192.0.2.1'), await right('192.0.2.2')]).toEqual([2000, 0]);
  });

  it('are a /64 in IPv6', async () => {
    const { brake, place } = scene();
    const guesses = Array.from({ length: 31 }, (_, n) =>
      brake.failed(place(`2001:db8:1:1::${n.toString(16)}`), [`${n}`]),
    );
    const results = await Promise.allSettled(guesses);
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1);
  });

  it('are a /48 as well, which has more', async () => {
    const { brake, place, right } = scene();
    const guesses = Array.from({ length: 61 }, (_, n) =>
      brake.failed(place(`2001:db8:1:${n.toString(16)}::1`), [`${n}`]),
    );
    const results = await Promise.allSettled(guesses);
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(await right('2001:db8:1:ffff::1')).toBe(2000);
    expect(await right('2001:db8:2::1')).toBeLessThan(2000);
  });

  it('many at once slow down all that were never right, and stop none', async () => {
    const { guess, right } = scene();
    await right('198.51.100.1');
    let refused = 0;
    for (let n = 0; n < 1000; n++) {
      refused += await guess(`10.0.${n >> 8}.${n & 255}`, 1);
    }
    expect(refused).toBe(0);
    expect([await right('198.51.100.2'), await right('198.51.100.1')]).toEqual([2000, 0]);
  });

  it('alone never slow down all others', async () => {
    const { guess, right } = scene();
    await guess('192.0.2.1', 10_000);
    expect(await right('198.51.100.2')).toBe(0);
  });

  it('are remembered up to 10,000, the latest ones', async () => {
    const { brake, guess, place } = scene();
    await guess('first', 30);
    for (let n = 0; n < 9_999; n++) {
      await brake.failed(place(`10.${n}`), ['x']);
    }
    await expect(brake.failed(place('first'), ['y'])).rejects.toThrow();
    await brake.failed(place('one more'), ['x']);
    await brake.failed(place('first'), ['y']);
  });
});

describe('guesses at one account', () => {
  const guessFrom = async (
    { brake }: ReturnType<typeof scene>,
    networks: number,
    account: string,
  ): Promise<void> => {
    for (let network = 0; network < networks; network++) {
      const place = { kind: 'password', address: `198.51.${network}.1`, account } as const;
      await brake.failed(place, [`wrong ${network}`]);
    }
  };

  it('are slowed down from all networks together, except those that were right', async () => {
    const one = scene();
    const owner = { kind: 'password', address: '192.0.2.1', account: 'ada' } as const;
    await one.brake.passed(owner);
    await guessFrom(one, 40, 'ada');
    one.waits.length = 0;
    await one.brake.passed({ ...owner, address: '203.0.113.9' });
    expect(one.waits).toEqual([2000]);
    one.waits.length = 0;
    await one.brake.passed(owner);
    expect(one.waits).toEqual([]);
  });

  it('leave other accounts as they are, and refuse nobody by themselves', async () => {
    const one = scene();
    await guessFrom(one, 50, 'ada');
    one.waits.length = 0;
    await one.brake.passed({ kind: 'password', address: '203.0.113.9', account: 'eve' });
    expect(one.waits).toEqual([]);
    // A network that has guesses left is not refused, however many others guess.
    await one.brake.failed({ kind: 'password', address: '203.0.113.8', account: 'ada' }, ['x']);
  });
});
