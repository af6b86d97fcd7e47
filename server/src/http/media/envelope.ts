import type { ErrorCode, StowageError } from '../../core/errors.ts';
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
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfter: number | undefined;
  readonly retry_after: number | undefined;
}

export type Envelope =
  | { readonly data: object; readonly error: null; readonly meta: Meta }
  | { readonly data: null; readonly error: ErrorBody; readonly meta: Meta };

export function envelope(data: object, { request, deps }: Context): Envelope {
  return { data, error: null, meta: metaOf(request.id, deps.now()) };
}

/** Media API 1.3: every failure in the envelope. */
export const mediaDialect: Dialect = {
  render(error, { requestId, at }) {
    const body: Envelope = {
      data: null,
      error: errorBody(error, retryAfterSeconds(error)),
      meta: metaOf(requestId, at),
    };
    return { body };
  },
  schema: mediaError,
};

/** Codes that this API calls otherwise. */
const wireCodes: Partial<Record<ErrorCode, string>> = {
  too_large: 'file_too_large',
  import_in_progress: 'conflict',
};

/** What to do next, in routes of this API. */
const hints: Partial<Record<ErrorCode, string>> = {
  upload_url_expired: 'Call POST /media/upload again.',
  upload_expired: 'Call POST /media/upload again.',
  upload_not_received: 'Make sure you uploaded the file to upload_url before calling complete.',
  import_in_progress: 'Poll GET /media/{media_id}.',
};

/** Details that this API calls otherwise. */
const wireNames: ReadonlyMap<string, string> = new Map([
  ['didYouMean', 'did_you_mean'],
  ['errorMessage', 'error_message'],
  ['expiresInSeconds', 'expires_in'],
  ['maxBytes', 'max_size'],
  ['maxFrames', 'max_frames'],
  ['maxPixels', 'max_pixels'],
  ['mediaId', 'media_id'],
  ['supportedTypes', 'supported_types'],
  ['uploadUrl', 'upload_url'],
  ['upstreamStatus', 'upstream_status'],
  ['validationErrors', 'validation_errors'],
]);

/** The `error` of the envelope; `seconds` is the value of Retry-After. */
function errorBody({ message, code, retryable, details }: StowageError, seconds?: number) {
  const hint = hints[code];
  return {
    message: hint === undefined ? message : `${message} ${hint}`,
    code: wireCodes[code] ?? code,
    retryable,
    details: details && wireDetails(details),
    retryAfter: seconds,
    retry_after: seconds,
  };
}

function wireDetails(details: Readonly<Record<string, unknown>>) {
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => [wireNames.get(name) ?? name, value]),
  );
}

function metaOf(requestId: string, at: number): Meta {
  return { request_id: requestId, timestamp: new Date(at).toISOString() };
}
