import { type ErrorCode, fail, type StowageError } from '../../core/errors.ts';
import { own } from '../../core/own.ts';
import type { HttpResponse } from '../../outbound/http-client.ts';
import type { Redact } from '../../outbound/redact.ts';
import { failForStatus, retryAfterMs } from '../shared/status.ts';

const service = 'Hugging Face';

/**
 * The error a refused call stands for, in the hub's own words. `details.upstreamStatus` holds its
 * status.
 */
export async function hubError(response: HttpResponse, redact: Redact): Promise<StowageError> {
  const words = await errorWords(response, redact);
  const { status } = response;
  const wait =
    status === 429
      ? (retryAfterMs(response.header('retry-after'), Date.now()) ?? hintedWaitMs(response, words))
      : undefined;
  const code = codeFor(response, words);
  if (code === undefined) {
    return failForStatus({ service, status, words, retryAfterMs: wait });
  }
  const answered = code === 'channel_unavailable';
  return fail(code, {
    message: `${service} answered ${status}: ${words}`,
    details: { upstreamStatus: status },
    answered,
  });
}

/**
 * What a storage host (signed links to S3 or a CDN) means: its refusals are about the link, never
 * about our token.
 */
export async function storageError(response: HttpResponse, redact: Redact): Promise<StowageError> {
  const words = await errorWords(response, redact);
  const { status } = response;
  if (status === 401 || status === 403) {
    return fail('channel_unavailable', {
      message: `${service} storage answered ${status}: ${words}`,
    });
  }
  const wait = retryAfterMs(response.header('retry-after'), Date.now());
  return failForStatus({ service: `${service} storage`, status, words, retryAfterMs: wait });
}

export function unexpectedAnswer(what: string): StowageError {
  return fail('channel_unavailable', {
    message: `${service}: the answer to ${what} makes no sense`,
  });
}

function codeFor(response: HttpResponse, words: string): ErrorCode | undefined {
  const { status } = response;
  if (status === 429 || status >= 500) {
    return undefined;
  }
  if (/storage (limit|quota)|exceeded your .*storage/i.test(words)) {
    return 'channel_full';
  }
  // 412: another client committed; 409: the branch is locked by another commit. Both pass.
  if (status === 409 || status === 412) {
    return 'channel_unavailable';
  }
  if (status === 400 || status === 422) {
    return 'channel_refused';
  }
  // A missing repository or branch is no missing file: the objects may be fine elsewhere.
  if (status === 404) {
    return isMissingRepo(response) ? 'channel_refused' : 'not_found';
  }
  return undefined;
}

/** The hub hides repositories the token may not see as missing ones, with 404 or 401. */
export function isMissingRepo(response: HttpResponse): boolean {
  return ['RepoNotFound', 'RevisionNotFound'].includes(response.header('x-error-code') ?? '');
}

/** For errors of a missing repository, which a new `ensure` may cure. */
export function isMissingRepoError(error: StowageError): boolean {
  return error.code === 'channel_refused' && error.details?.upstreamStatus === 404;
}

/**
 * The remote's sentence without our token, other tokens and signatures of links. At most 500
 * characters.
 */
export async function errorWords(response: HttpResponse, redact: Redact): Promise<string> {
  const header = response.header('x-error-message');
  const text = await response.text(16_384);
  return cleanWords(header ?? jsonWords(text) ?? text, redact);
}

export function cleanWords(words: string, redact: Redact): string {
  return redact(words)
    .replace(/\bhf_\w{8,}/g, '[secret]')
    .replace(/(https?:\/\/[^\s?"'<>]+)\?[^\s"'<>]*/g, '$1?[secret]')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 500);
}

function jsonWords(text: string): string | undefined {
  try {
    const { error, message } = JSON.parse(text) as { error?: unknown; message?: unknown };
    return [error, message].find((value) => typeof value === 'string');
  } catch {
    return undefined;
  }
}

/**
 * `RateLimit: "api";r=0;t=55` names the seconds; for commits the sentence does: `... You can retry
 * this action in 43 minutes.`
 */
function hintedWaitMs(response: HttpResponse, words: string): number | undefined {
  const seconds = /;\s*t=(\d+)/.exec(response.header('ratelimit') ?? '')?.[1];
  if (seconds !== undefined) {
    return Number(seconds) * 1000;
  }
  const [, count, unit] =
    /retry .*?\bin (?:about )?(\d+|an?) (second|minute|hour)/i.exec(words) ?? [];
  if (count === undefined || unit === undefined) {
    return undefined;
  }
  const unitMs = own({ second: 1000, minute: 60_000, hour: 3_600_000 }, unit.toLowerCase()) ?? 0;
  return (Number(count) || 1) * unitMs;
}
