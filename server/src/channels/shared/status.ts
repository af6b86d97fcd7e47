import { type ErrorCode, fail, type StowageError } from '../../core/errors.ts';

export interface StatusFailure {
  readonly service: string;
  readonly status: number;
  /** The remote's own words, secrets removed. */
  readonly words: string;
  readonly retryAfterMs?: number | undefined;
}

/** The error of the channel family that an HTTP status of a remote stands for. */
export function failForStatus(failure: StatusFailure): StowageError {
  const { service, status, words, retryAfterMs } = failure;
  const message = `${service} answered ${status}${words === '' ? '' : `: ${words.slice(0, 500)}`}`;
  return fail(codeForStatus(status), { message, retryAfterMs });
}

const codes: Readonly<Record<number, ErrorCode>> = {
  401: 'channel_unauthorized',
  403: 'channel_unauthorized',
  404: 'not_found',
  408: 'channel_unavailable',
  410: 'not_found',
  413: 'too_large',
  425: 'channel_unavailable',
  429: 'channel_rate_limited',
  507: 'channel_full',
};

function codeForStatus(status: number): ErrorCode {
  return codes[status] ?? (status >= 500 ? 'channel_unavailable' : 'channel_refused');
}

/** Milliseconds in a `Retry-After` header: seconds (also fractions) or a date. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined || header.trim() === '') {
    return undefined;
  }
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.max(0, Math.ceil(ms)) : undefined;
}
