import { fail, isStowageError } from '../../core/errors.ts';

// Primary result codes: https://sqlite.org/rescode.html
const busy = 5;
const locked = 6;
const full = 13;
const constraint = 19;
/**
 * The database, or the storage under it, has a problem that would affect any other statement:
 * NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT, ...
 */
const unusable = new Set([busy, locked, 7, 8, 9, 10, 11, 14, 15, 26]);
/** PRIMARYKEY, UNIQUE, ROWID */
const duplicates = new Set([1555, 2067, 2579]);

function resultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode
    : undefined;
}

function primaryCode(error: unknown): number {
  return (resultCode(error) ?? 0) & 0xff;
}

export function isBusy(error: unknown): boolean {
  return [busy, locked].includes(primaryCode(error));
}

export function isFull(error: unknown): boolean {
  return primaryCode(error) === full;
}

/** Whether the error loses the whole transaction, not just a statement. */
export function losesTransaction(error: unknown): boolean {
  return isFull(error) || unusable.has(primaryCode(error));
}

/** The error that the contract names. Anything else is a bug and is passed through unchanged. */
export function sqliteError(error: unknown): unknown {
  if (isStowageError(error)) {
    return error;
  }
  const code = primaryCode(error);
  if (isFull(error)) {
    return fail('disk_full', { message: 'The database has no space left.', cause: error });
  }
  if (unusable.has(code) || isClosed(error)) {
    return fail('service_unavailable', {
      message: 'The database is not available at the moment.',
      cause: error,
    });
  }
  if (code === constraint && duplicates.has(resultCode(error) ?? 0)) {
    return fail('conflict', { message: 'Already exists.', cause: error });
  }
  return error;
}

function isClosed(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_INVALID_STATE';
}
