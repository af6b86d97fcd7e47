import { type ErrorCode, type ErrorDetails, fail, type StowageError } from '../core/errors.ts';

/**
 * A failure as a route lists it: a code of the one table, alone or with a different wording, or an
 * error as it is thrown. `as` distinguishes several failures with the same code.
 */
export type Failure = ErrorCode | Reworded | Thrown;

interface Reworded extends ErrorDetails {
  readonly code: ErrorCode;
  readonly as?: string;
}

interface Thrown {
  readonly error: () => StowageError;
  readonly as?: string;
}

/**
 * `throw failed(noSuchMedia)`: a failure with the route's own wording is written once, for the
 * throw and for the document.
 */
export function failed(failure: Failure, more: ErrorDetails = {}): StowageError {
  if (typeof failure === 'string') {
    return fail(failure, more);
  }
  if ('error' in failure) {
    return failure.error();
  }
  const { code, as: _, ...details } = failure;
  return fail(code, { ...details, ...more });
}
