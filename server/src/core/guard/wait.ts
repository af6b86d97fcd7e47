import { raceAbort } from './race-abort.ts';

/**
 * Resolves after `ms`. Rejects with the signal's reason as soon as it aborts; no timer and no
 * listener stay behind. Without a signal the process does not end before `ms` are over.
 */
export async function wait(ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  try {
    await (signal === undefined ? promise : raceAbort(promise, signal));
  } finally {
    clearTimeout(timer);
  }
}
