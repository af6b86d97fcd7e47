import { type ErrorCode, fail, isStowageError, type StowageError } from '../../core/errors.ts';
import { own } from '../../core/own.ts';

type Callback<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

/**
 * One asynchronous file system call in its callback form (half the cost of `fs/promises`): `await
 * io<number>((done) => open(path, 'r', done))`. Rejects with a `StowageError` that has the original
 * as its cause.
 */
export function io<T = void>(start: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error ? reject(mapErrno(error)) : resolve(value)));
  });
}

/** The same for a synchronous call. */
export function ioSync<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw mapErrno(error);
  }
}

/** `io` that treats `ENOENT` as success and then returns false. */
export async function unlessMissing(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}

const codes: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'disk_full',
  EDQUOT: 'disk_full',
  EFBIG: 'too_large',
  // A key is never used twice; if it is, the first object stays.
  EEXIST: 'channel_refused',
};

function mapErrno(error: unknown): StowageError {
  const errno = error instanceof Error && 'code' in error ? String(error.code) : '';
  return fail(own(codes, errno) ?? 'service_unavailable', { cause: error });
}

/** The `errno` name behind an error of `io`. */
export function errnoOf(error: unknown): string | undefined {
  const cause = isStowageError(error) ? error.cause : error;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
}
