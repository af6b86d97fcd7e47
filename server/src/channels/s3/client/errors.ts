import {
  type ErrorCode,
  type ErrorDetails,
  fail,
  type StowageError,
} from '../../../core/errors.ts';
import { own } from '../../../core/own.ts';
import type { Redact } from '../../../outbound/redact.ts';
import { retryAfterMs } from '../../shared/status.ts';
import { textOf, type XmlElement } from './xml.ts';

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

export interface ErrorContext {
  readonly bucket: string;
  readonly redact: Redact;
}

/** What a response tells about an error. */
export interface ErrorResponse {
  readonly status: number;
  /** The error document, if it is one. */
  readonly body: XmlElement | undefined;
  readonly retryAfter?: string | undefined;
}

/**
 * What an error response means in the channel family. Its text is the service's own, trimmed and
 * without secrets.
 */
export function failForResponse(
  { status, body, retryAfter }: ErrorResponse,
  context: ErrorContext,
): StowageError {
  const name = textOf(body, 'Code') ?? '';
  const wait = retryAfterMs(retryAfter, Date.now());
  const details: ErrorDetails = {
    message: `${place(context)}: ${describe(name, status)}${describeText(textOf(body, 'Message'), context)}${hintFor(name)}`,
    retryAfterMs: wait,
  };
  return fail(own(codesByName, name) ?? codesByStatus[status] ?? codeByClass(status), details);
}

/** A response with a good status that cannot be what was asked for. A repetition may help. */
export function failForOddResponse(
  words: string,
  context: Pick<ErrorContext, 'bucket'>,
): StowageError {
  return fail('channel_unavailable', { message: `${place(context)}: ${words}` });
}

// A 2xx here is an error sent after the status line (CompleteMultipartUpload, CopyObject).
function codeByClass(status: number): ErrorCode {
  return status >= 500 || status < 300 ? 'channel_unavailable' : 'channel_refused';
}

// Responses to HEAD have no body, hence neither code nor text.
function describe(name: string, status: number): string {
  return /^[A-Za-z]{3,80}$/.test(name) ? `${name} (${status})` : `(${status})`;
}

function describeText(text: string | undefined, context: ErrorContext): string {
  return text === undefined || text === '' ? '' : `: ${clean(text, context)}`;
}

function hintFor(name: string): string {
  const hint = own(hints, name);
  return hint === undefined ? '' : ` [${hint}]`;
}

export function place({ bucket }: Pick<ErrorContext, 'bucket'>): string {
  return `S3 bucket ${bucket}`;
}

function clean(text: string, context: ErrorContext): string {
  // Remote text goes to logs and terminals.
  const words = context
    .redact(text)
    .replace(/\p{Cc}+/gu, ' ')
    .trim();
  return words.length > maxWords ? `${words.slice(0, maxWords)}...` : words;
}
