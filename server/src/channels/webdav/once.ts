import { raceAbort } from '../../core/guard/race-abort.ts';

/**
 * Work that many callers wait for but is done once. All callers that wait get a failure, then it is
 * forgotten.
 */
export type Once<T> = (signal: AbortSignal) => Promise<T>;

/**
 * The work runs under its own time limit: a caller that leaves does not cancel it for the others.
 */
export function once<T>(timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Once<T> {
  let running: Promise<T> | undefined;
  return (signal) => {
    signal.throwIfAborted();
    running ??= work(AbortSignal.timeout(timeoutMs)).catch((error: unknown) => {
      running = undefined;
      throw error;
    });
    return raceAbort(running, signal);
  };
}
