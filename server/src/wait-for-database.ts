import { explainError } from './commands/explain.ts';
import type { Config } from './config.ts';
import { isStowageError } from './core/errors.ts';
import { wait } from './core/guard/wait.ts';
import type { Log } from './core/log.ts';

/**
 * The server responds with an error that waiting does not mend: wrong credentials, no such
 * database.
 */
const refusals = new Set(['28P01', '28000', '3D000']);
const pauseMs = 1_000;
const everyMs = 10_000;

export interface WaitOptions {
  readonly config: Pick<Config, 'databaseUrl' | 'databaseWaitSeconds'>;
  readonly log: Log;
}

/** Several programs start at once, in any order: PostgreSQL may be a little later than Stowage. */
export async function whenItAnswers<T>(
  ask: () => Promise<T>,
  { config, log }: WaitOptions,
): Promise<T> {
  const until =
    performance.now() + (config.databaseUrl === undefined ? 0 : config.databaseWaitSeconds * 1000);
  for (let saidAt = Number.NEGATIVE_INFINITY; ; ) {
    try {
      return await ask();
    } catch (error) {
      if (!isWorthWaiting(error) || performance.now() > until) {
        throw error;
      }
      if (performance.now() - saidAt >= everyMs) {
        saidAt = performance.now();
        log.warn(
          { problem: explainError(error), seconds: config.databaseWaitSeconds },
          'Waiting for the database',
        );
      }
      await wait(pauseMs);
    }
  }
}

function isWorthWaiting(error: unknown): boolean {
  if (!isStowageError(error, 'service_unavailable')) {
    return false;
  }
  const { code } = (error.cause ?? {}) as { readonly code?: unknown };
  return !refusals.has(String(code));
}
