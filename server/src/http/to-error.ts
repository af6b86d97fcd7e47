import { fail, StowageError } from '../core/errors.ts';

/** Whatever was thrown, as one of our errors: the framework's 4xx keep their meaning, anything unknown is ours to answer for. */
export function toError(error: unknown): StowageError {
  if (error instanceof StowageError) return error;
  // The deadline of a call to a storage backend has passed.
  if ((error as Error | null)?.name === 'TimeoutError') return fail('channel_unavailable', { cause: error });
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500) return fail('bad_request', { status, cause: error });
  return fail('internal_error', { cause: error });
}

/** Whole seconds, at least one. */
export function retryAfterSeconds(error: StowageError): number | undefined {
  return error.retryAfterMs === undefined ? undefined : Math.max(1, Math.ceil(error.retryAfterMs / 1000));
}
