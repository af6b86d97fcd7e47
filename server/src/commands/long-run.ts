import { isStowageError } from '../core/errors.ts';
import { explainError } from './explain.ts';

/**
 * Runs `work` until it is done or the operator stops it. The first signal aborts it so that it can
 * clean up; a second one ends the process.
 */
export async function untilStopped<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    stop.abort(new Error(`Stopped by ${signal}.`));
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    return await work(stop.signal);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

/**
 * Undefined, with a sentence on standard error, when `work` failed for a reason that the operator
 * can fix.
 */
export async function orExplain<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!isStowageError(error) && !isSystemError(error) && !isStop(error)) {
      throw error;
    }
    process.stderr.write(`${explainError(error)}\n`);
    return undefined;
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && 'syscall' in error;
}

function isStop(error: unknown): boolean {
  return error instanceof Error && /^Stopped by SIG/.test(error.message);
}

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function sizeText(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}
