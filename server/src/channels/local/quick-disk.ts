/**
 * Whether synchronous calls on small files may be made at the moment. On a disk that responds from
 * memory they cost a third of the way through the thread pool; on one that makes us wait they would
 * stop every other request. So they are timed, and after a slow one all calls go through the pool
 * for a while: 1 s, doubled up to 64 s each time the next try is slow again.
 */
export interface QuickDisk {
  readonly isQuick: boolean;
  /** Runs a synchronous piece of work and remembers how long it took. */
  time<T>(work: () => T): T;
}

const slowMs = 8;
const maxPauseMs = 64_000;

export function createQuickDisk(now: () => number = () => performance.now()): QuickDisk {
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let pauseMs = 1000;
  const note = (startedAt: number) => {
    const endedAt = now();
    if (endedAt - startedAt > slowMs) {
      pausedUntil = endedAt + pauseMs;
      pauseMs = Math.min(pauseMs * 2, maxPauseMs);
    } else {
      pauseMs = 1000;
    }
  };
  return {
    get isQuick() {
      return now() >= pausedUntil;
    },
    time: (work) => {
      const startedAt = now();
      try {
        return work();
      } finally {
        note(startedAt);
      }
    },
  };
}
