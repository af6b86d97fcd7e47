import { type ErrorCode, type ErrorDetails, fail, type StowageError } from '../../core/errors.ts';
import { own } from '../../core/own.ts';
import type { Redact } from '../shared/redact.ts';
import { retryAfterMs } from '../shared/status.ts';

const maxWords = 300;

/** S3 error codes whose HTTP status is too vague or wrong. The rest goes by status. */
const codesByName: Readonly<Record<string, ErrorCode>> = {
  SlowDown: 'channel_rate_limited',
  SlowDownRead: 'channel_rate_limited',
  SlowDownWrite: 'channel_rate_limited',
  Throttling: 'channel_rate_limited',
  ThrottlingException: 'channel_rate_limited',
  RequestLimitExceeded: 'channel_rate_limited',
  TooManyRequests: 'channel_rate_limited',
  RequestTimeout: 'channel_unavailable',
  RequestTimeTooSkewed: 'channel_unavailable',
  OperationAborted: 'channel_unavailable',
  // The bytes changed on the way: sending them again helps.
  BadDigest: 'channel_unavailable',
  XAmzContentSHA256Mismatch: 'channel_unavailable',
  IncompleteBody: 'channel_unavailable',
  NoSuchBucket: 'channel_refused',
  EntityTooLarge: 'too_large',
  MaxMessageLengthExceeded: 'too_large',
  QuotaExceeded: 'channel_full',
  StorageQuotaExceeded: 'channel_full',
  InsufficientStorage: 'channel_full',
  InsufficientCapacity: 'channel_full',
  XMinioStorageFull: 'channel_full',
  XMinioAdminBucketQuotaExceeded: 'channel_full',
  ExpiredToken: 'channel_unauthorized',
  InvalidToken: 'channel_unauthorized',
};

const codesByStatus: Readonly<Record<number, ErrorCode>> = {
  401: 'channel_unauthorized',
  403: 'channel_unauthorized',
  404: 'not_found',
  408: 'channel_unavailable',
  412: 'conflict',
  413: 'too_large',
  416: 'range_not_satisfiable',
  429: 'channel_rate_limited',
  507: 'channel_full',
};

const hints: Readonly<Record<string, string>> = {
  NoSuchBucket: 'the bucket does not exist',
  PermanentRedirect: 'the bucket is in another region',
  AuthorizationHeaderMalformed: 'check the region',
  RequestTimeTooSkewed: 'the clock of this server is wrong',
  SignatureDoesNotMatch: 'check the secret access key',
  InvalidAccessKeyId: 'check the access key id',
};

/** Of sockets, TLS and the HTTP parser; not those of wrong arguments (`ERR_INVALID_...`). */
const networkCodes = /^(E(?!RR_)|ERR_(TLS|SSL|STREAM)_|HPE_|CERT_|UNABLE_|DEPTH_|SELF_)/;

export interface ErrorContext {
  readonly bucket: string;
  readonly redact: Redact;
}

interface SdkError extends Error {
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> };
}

/**
 * What an error of the SDK means in the channel family. Its text is the service's own, trimmed and without secrets; the SDK's error is
 * not kept as cause: it carries the request. An error that comes neither from the service nor from the network is returned as it is.
 */
export function toChannelError(error: unknown, context: ErrorContext): unknown {
  if (!(error instanceof Error)) return error;
  const { $metadata, $response, code } = error as SdkError;
  const status = $response?.statusCode ?? $metadata?.httpStatusCode;
  if (status !== undefined) return fromAnswer(error as SdkError, status, context);
  if (error.name !== 'TimeoutError' && (code === undefined || !networkCodes.test(code))) return error;
  return fail('channel_unavailable', { message: `${place(context)}: ${words(error.message || code || error.name, context)}` });
}

function fromAnswer(error: SdkError, status: number, context: ErrorContext): StowageError {
  const wait = retryAfterMs(error.$response?.headers?.['retry-after'], Date.now());
  const details: ErrorDetails = {
    message: `${place(context)}: ${describe(error, status, context)}`,
    ...(wait !== undefined && { retryAfterMs: wait }),
  };
  return fail(own(codesByName, error.name) ?? codesByStatus[status] ?? codeByClass(status), details);
}

// A 2xx here is an answer that could not be read, or an error sent after the status line (CompleteMultipartUpload, CopyObject).
function codeByClass(status: number): ErrorCode {
  return status >= 500 || status < 300 ? 'channel_unavailable' : 'channel_refused';
}

function describe(error: SdkError, status: number, context: ErrorContext): string {
  const hint = own(hints, error.name);
  // Responses to HEAD have no body, hence neither code nor text.
  const named = /^[A-Za-z]{3,80}$/.test(error.name) && !/^(Unknown|Error|SyntaxError)/.test(error.name) ? `${error.name} ` : '';
  const text = /^(Unknown|UnknownError)?$/.test(error.message) ? '' : `: ${words(error.message, context)}`;
  return `${named}(${status})${text}${hint === undefined ? '' : ` [${hint}]`}`;
}

function place(context: ErrorContext): string {
  return `S3 bucket ${context.bucket}`;
}

function words(text: string, context: ErrorContext): string {
  // Remote text goes to logs and terminals.
  const clean = context
    .redact(text)
    .replace(/\p{Cc}+/gu, ' ')
    .trim();
  return clean.length > maxWords ? `${clean.slice(0, maxWords)}...` : clean;
}
