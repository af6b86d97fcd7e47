/**
 * The one table of error codes. `status` is the HTTP status, `retryable` whether the same request
 * may succeed later, `message` is written for the caller. Each API renders these in its own dialect
 * (`http/`).
 */
const codes = {
  // requests
  bad_request: [400, false, 'The request is not valid.'],
  validation_error: [400, false, 'The request is not valid.'],
  invalid_json: [400, false, 'Request body is not valid JSON.'],
  invalid_field_name: [400, false, 'Unknown field.'],
  invalid_multipart: [400, false, 'The multipart body is malformed.'],
  incomplete_body: [400, true, 'The body ended before all announced bytes arrived.'],
  checksum_mismatch: [400, true, 'The bytes received do not match the checksum sent.'],
  unauthorized: [401, false, 'Invalid or expired API key'],
  insufficient_scope: [403, false, 'This API key lacks the permission for this call.'],
  address_blocked: [403, false, 'Your IP is blocked'],
  cross_site_request: [403, false, 'This request comes from a page of another site.'],
  storage_quota_exceeded: [403, false, 'The storage quota is used up.'],
  not_found: [404, false, 'Not found.'],
  method_not_allowed: [405, false, 'Method not allowed.'],
  conflict: [409, false, 'The resource is in a state that does not allow this.'],
  gone: [410, false, 'This upload has expired.'],
  precondition_failed: [412, false, 'Other bytes have already been sent to this upload URL.'],
  too_large: [413, false, 'The file is larger than allowed.'],
  unsupported_media_type: [415, false, 'This media type is not supported.'],
  range_not_satisfiable: [416, false, 'The requested range lies outside the file.'],
  unprocessable: [422, false, 'The content cannot be processed.'],
  rate_limit_exceeded: [429, true, 'Rate limit exceeded.'],
  client_closed: [499, true, 'The client closed the connection.'],
  internal_error: [500, true, 'Something went wrong on our side.'],
  chunks_missing: [500, true, 'Some chunks of this upload are missing.'],
  not_implemented: [501, false, 'This is not available on this server.'],
  service_unavailable: [503, true, 'The service is not available at the moment.'],
  content_damaged: [500, false, 'The stored bytes of this file are damaged.'],
  disk_full: [507, true, 'The server has no space left for this file.'],
  // Media API
  invalid_signature: [403, false, 'The upload URL is not valid.'],
  upload_url_expired: [403, false, 'The upload URL has expired.'],
  already_completed: [409, false, 'This upload is already completed.'],
  upload_not_received: [409, true, 'Uploaded file not found in storage.'],
  upload_expired: [
    410,
    false,
    'Uploaded file not found: the upload URL expired before the file arrived.',
  ],
  import_in_progress: [409, false, 'This media is still being imported.'],
  media_failed: [409, false, 'This media failed to process.'],
  content_type_mismatch: [422, false, 'The file is not of the declared type.'],
  size_mismatch: [422, false, 'The file does not have the declared size.'],
  invalid_media: [422, false, 'The file is corrupt or truncated.'],
  empty_file: [422, false, 'The file is empty.'],
  idempotency_key_conflict: [422, false, 'This Idempotency-Key was used with a different request.'],
  idempotency_in_flight: [409, true, 'A request with this Idempotency-Key is still in progress.'],
  invalid_url: [400, false, 'The url is not valid.'],
  url_not_allowed: [400, false, 'The url does not point to a public address.'],
  fetch_failed: [422, true, 'The url could not be fetched.'],
  fetch_timeout: [504, true, 'Fetching the url took too long.'],
  // channels (drivers throw these)
  channel_unavailable: [502, true, 'The storage backend is not available.'],
  channel_rate_limited: [503, true, 'The storage backend is limiting requests.'],
  channel_refused: [502, false, 'The storage backend refused the file.'],
  channel_unauthorized: [502, false, 'The storage backend refused the credentials.'],
  channel_full: [507, true, 'The storage backend has no space left.'],
} as const satisfies Record<string, readonly [status: number, retryable: boolean, message: string]>;

export type ErrorCode = keyof typeof codes;

export interface ErrorDetails {
  /** Replaces the table's message. Must hold no secret. */
  readonly message?: string | undefined;
  /** Replaces the table's status, for the few codes whose status depends on the context. */
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /**
   * For `channel_unavailable`: the backend is up and responded. Only this attempt failed, and
   * another one may succeed.
   */
  readonly answered?: boolean | undefined;
  readonly cause?: unknown;
  /** Facts for the caller, in camelCase; each API has its own names for them. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The only error that crosses module borders. Anything else is a bug and is returned as
 * `internal_error`.
 */
export class StowageError extends Error {
  override readonly name = 'StowageError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly answered: boolean;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, options: ErrorDetails = {}) {
    const [status, retryable, message] = codes[code];
    super(
      options.message ?? message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.status = options.status ?? status;
    this.retryable = retryable;
    this.retryAfterMs = options.retryAfterMs;
    this.answered = options.answered ?? false;
    this.details = options.details;
  }
}

/** `throw fail('too_large', { details: { maxBytes } })` */
export function fail(code: ErrorCode, options?: ErrorDetails): StowageError {
  return new StowageError(code, options);
}

export function isStowageError(error: unknown, code?: ErrorCode): error is StowageError {
  return error instanceof StowageError && (code === undefined || error.code === code);
}

export const errorCodes = Object.keys(codes) as readonly ErrorCode[];
