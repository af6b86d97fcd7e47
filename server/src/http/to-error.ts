import { fail, StowageError } from '../core/errors.ts';

/**
 * Converts any thrown value to one of our errors. 4xx errors of Fastify keep their meaning; an
 * unknown error is the server's fault.
 */
export function toError(error: unknown): StowageError {
  if (error instanceof StowageError) {
    return error;
  }
  // The deadline of a call to a storage backend has passed.
  if ((error as Error | null)?.name === 'TimeoutError') {
    return fail('channel_unavailable', { cause: error });
  }
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return fail('bad_request', { status, cause: error });
  }
  return fail('internal_error', { cause: error });
}

/**
 * The value of `Retry-After` in every dialect: whole seconds, at least one. Every 503 has one, so
 * that clients retry by themselves.
 */
export function retryAfterSeconds({ retryAfterMs, status }: StowageError): number | undefined {
  if (retryAfterMs !== undefined) {
    return Math.max(1, Math.ceil(retryAfterMs / 1000));
  }
  return status === 503 ? 1 : undefined;
}

/**
 * Whether the owner must be informed. Some statuses from 500 on only mean that a caller asked for
 * something that does not exist.
 */
export function isFault({ code, status }: StowageError): boolean {
  return status >= 500 && code !== 'chunks_missing' && code !== 'not_implemented';
}
