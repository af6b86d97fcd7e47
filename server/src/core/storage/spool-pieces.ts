import type { SizedBody } from '../channel.ts';
import { raceAbort } from '../guard/race-abort.ts';
import type { Spool } from '../streams/spool.ts';

export interface Cut {
  /** Of every piece but the last. */
  readonly sizeBytes: number;
  /** Pieces under way at once. */
  readonly parallel: number;
  readonly signal: AbortSignal;
}

/**
 * Stores a spooled body piece by piece, each as soon as it has arrived. Rejects with the first
 * failure, which also aborts the signal that `store` gets; when it settles, no call is under way.
 */
export async function storePieces(
  spool: Spool,
  cut: Cut,
  store: (piece: SizedBody, index: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { sizeBytes, parallel } = cut;
  const stop = new AbortController();
  const signal = AbortSignal.any([cut.signal, stop.signal]);
  let next = 0;

  const work = async (): Promise<void> => {
    for (;;) {
      const index = next++;
      const start = index * sizeBytes;
      // A slow client must not delay the report that a piece has failed.
      const there = await raceAbort(spool.arrived(start + sizeBytes), signal);
      const size = Math.min(sizeBytes, there - start);
      if (size <= 0) {
        return;
      }
      signal.throwIfAborted();
      await store(spool.slice(start, size), index, signal);
    }
  };
  const workers = Array.from({ length: parallel }, () =>
    work().catch((error: unknown) => {
      stop.abort(error);
      throw error;
    }),
  );
  await Promise.all(workers).finally(() => Promise.allSettled(workers));
}
