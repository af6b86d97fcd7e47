import { describe, expect, it } from 'vitest';
import { minuteMs } from './clock.ts';
import { createGuessBrake } from './guess-brake.ts';

function scene() {
  const clock = { at: 1_000_000 };
  const waits: number[] = [];
  const brake = createGuessBrake(
    () => clock.at,
    async (ms) => void waits.push(ms),
  );
  const guess = async (address: string, times: number) => {
    for (let n = 0; n < times; n++) await brake.failed(address);
  };
  return { clock, waits, brake, guess };
}

describe('guess brake', () => {
  it('lets three mistakes pass, then waits twice as long each time, up to 5 s', async () => {
    const { waits, guess } = scene();
    await guess('a', 12);
    expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
  });

  it('refuses after 30 guesses, right ones too, and says when to come again', async () => {
    const { brake, guess } = scene();
    await guess('a', 29);
    expect(brake.allows('a')).toBe(true);
    await guess('a', 1);
    expect(brake.allows('a')).toBe(false);
    await expect(brake.failed('a')).rejects.toMatchObject({ code: 'rate_limit_exceeded', retryAfterMs: 15 * minuteMs });
  });

  it('counts each address for itself', async () => {
    const { brake, guess, waits } = scene();
    await guess('a', 30);
    waits.length = 0;
    await guess('b', 3);
    expect([brake.allows('a'), brake.allows('b'), waits]).toEqual([false, true, []]);
  });

  it('counts guesses made at once', async () => {
    const { brake } = scene();
    const results = await Promise.allSettled(Array.from({ length: 40 }, () => brake.failed('a')));
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(10);
  });

  it('forgets 15 minutes after the last guess, not after the first', async () => {
    const { brake, clock, guess } = scene();
    await guess('a', 30);
    clock.at += 14 * minuteMs;
    await expect(brake.failed('a')).rejects.toThrow();
    clock.at += 14 * minuteMs;
    expect(brake.allows('a')).toBe(false);
    clock.at += minuteMs;
    expect(brake.allows('a')).toBe(true);
  });

  it('forgets after a success', async () => {
    const { brake, guess, waits } = scene();
    await guess('a', 3);
    brake.succeeded('a');
    await guess('a', 3);
    expect(waits).toEqual([]);
  });

  it('remembers 10,000 addresses, the latest ones', async () => {
    const { brake, guess } = scene();
    await guess('first', 30);
    for (let n = 0; n < 9_999; n++) await brake.failed(`10.${n}`);
    expect(brake.allows('first')).toBe(false);
    await brake.failed('one more');
    expect(brake.allows('first')).toBe(true);
  });
});
