import { type Clock, minuteMs } from '../clock.ts';
import type { Log } from '../log.ts';

export interface SharedClock {
  readonly now: Clock;
  stop(): void;
}

export interface SharedClockOptions {
  /** Reads the one clock that all nodes follow. */
  readonly read: () => Promise<number>;
  readonly log: Log;
  /** Of this machine; for tests. */
  readonly wall?: Clock;
  readonly everyMs?: number;
}

/** A larger difference is logged as a warning. */
const warnFromMs = 5_000;
/** A slower response is no measure of the time. */
const slowMs = 2_000;

/**
 * The time of the database, which decides every expiry and lease. It is read at start and every
 * minute, and extrapolated with this machine's steady clock, so that neither a wrong wall clock nor
 * a jump of it matters. While the database is unreachable, the last reading counts.
 */
export async function createSharedClock({
  read,
  log,
  wall = Date.now,
  everyMs = minuteMs,
}: SharedClockOptions): Promise<SharedClock> {
  let zero = 0;
  let toldMs = 0;

  const measure = async (isFirst: boolean): Promise<void> => {
    const before = performance.now();
    const at = await read();
    const after = performance.now();
    if (!isFirst && after - before > slowMs) {
      return;
    }
    zero = at - (before + after) / 2;
    tell(wall() - (zero + after));
  };
  const tell = (offMs: number): void => {
    if (Math.abs(offMs - toldMs) < warnFromMs) {
      return;
    }
    toldMs = offMs;
    log.warn(
      { seconds: Math.round(offMs / 1000) },
      "The clock of this machine is off against the database's, whose time counts. Set it right, by NTP for instance.",
    );
  };
  await measure(true);
  const timer = setInterval(() => void measure(false).catch(() => undefined), everyMs).unref();
  return {
    now: () => Math.floor(zero + performance.now()),
    stop: () => clearInterval(timer),
  };
}
