import type { StowageError } from '../../core/errors.ts';
import type { Dialect } from '../dialect.ts';
import type { Context } from '../route.ts';
import { retryAfterSeconds } from '../to-error.ts';
import { mediaError } from './envelope-schemas.ts';

interface Meta {
  readonly request_id: string;
  readonly timestamp: string;
}

interface ErrorBody {
  readonly message: string;
  readonly code: string;
  readonly retryable: boolean;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly retryAfter?: number;
  readonly retry_after?: number;
}

export type Envelope =
  | { readonly data: object; readonly error: null; readonly meta: Meta }
  | { readonly data: null; readonly error: ErrorBody; readonly meta: Meta };

export function envelope(data: object, { request, deps }: Context): Envelope {
  return { data, error: null, meta: metaOf(request.id, deps.now()) };
}

/** Media API 1.3: every failure in the envelope. */
export const mediaDialect: Dialect = {
  say(error, { requestId, at }) {
    const body: Envelope = {
      data: null,
      error: errorBody(error, retryAfterSeconds(error)),
      meta: metaOf(requestId, at),
    };
    return { body };
  },
  schema: mediaError,
};

/** Names that the wire notes give to codes of ours. */
const wireCodes: Readonly<Record<string, string>> = { too_large: 'file_too_large' };

/** The `error` of the envelope; `seconds` is the value of Retry-After. */
function errorBody(error: StowageError, seconds: number | undefined): ErrorBody {
  const { message, code, retryable, details } = error;
  return {
    message,
    code: wireCodes[code] ?? code,
    retryable,
    ...(details && { details: wireDetails(details) }),
    ...(seconds !== undefined && { retryAfter: seconds, retry_after: seconds }),
  };
}

/** The limit has one name, wherever it was noticed. */
function wireDetails({
  maxBytes,
  ...details
}: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return maxBytes === undefined ? details : { max_size: maxBytes, ...details };
}

function metaOf(requestId: string, at: number): Meta {
  return { request_id: requestId, timestamp: new Date(at).toISOString() };
}
