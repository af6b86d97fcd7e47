import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { dayMs, minuteMs } from '../clock.ts';
import { silentLog } from '../log.ts';
import { createSharedClock, type SharedClock } from './shared-clock.ts';

const start = Date.UTC(2026, 10, 1);
let clock: SharedClock | undefined;
let offMs: number;
let isAway: boolean;
const warn = vi.fn();

/** The faked timers set the database's time. This machine's wall clock is off. */
async function open(): Promise<SharedClock> {
  const read = async () => (isAway ? Promise.reject(new Error('gone')) : Date.now());
  clock = await createSharedClock({
    read,
    log: { ...silentLog, warn },
    wall: () => Date.now() + offMs,
  });
  return clock;
}
beforeEach(() => {
  vi.useFakeTimers({ now: start });
  offMs = 0;
  isAway = false;
  warn.mockReset();
});
afterEach(() => {
  clock?.stop();
  vi.useRealTimers();
});

it.each([dayMs, -dayMs, 6_000, 0])(
  'goes by the database when this machine is off by %d ms, and says so',
  async (off) => {
    offMs = off;
    const { now } = await open();
    expect(Math.abs(now() - start)).toBeLessThanOrEqual(1);
    await vi.advanceTimersByTimeAsync(10 * minuteMs);
    expect(Math.abs(now() - Date.now())).toBeLessThanOrEqual(1);
    expect(warn).toHaveBeenCalledTimes(off === 0 ? 0 : 1);
  },
);

it('is not moved by a jump of the wall clock, and goes on without the database', async () => {
  const { now } = await open();
  isAway = true;
  offMs = dayMs;
  await vi.advanceTimersByTimeAsync(5 * minuteMs);
  expect(Math.abs(now() - (start + 5 * minuteMs))).toBeLessThanOrEqual(1);
});

it('follows the database when that is set right', async () => {
  const { now } = await open();
  vi.setSystemTime(start - 60_000);
  await vi.advanceTimersByTimeAsync(minuteMs);
  expect(Math.abs(now() - start)).toBeLessThanOrEqual(1);
});
