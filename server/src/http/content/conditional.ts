import type { IncomingHttpHeaders } from 'node:http';

/** The validators of the current content. */
export interface Validators {
  /** Strong, including its quotes. */
  readonly etag: string;
  /** Milliseconds since the epoch; compared in whole seconds, as HTTP dates are. */
  readonly lastModifiedAt: number;
}

/**
 * The status that the conditions of a GET or HEAD require instead of sending the content, in the
 * order of RFC 9110 13.2.2. Undefined: send it.
 */
export function preconditionStatus(
  headers: IncomingHttpHeaders,
  now: Validators,
): 304 | 412 | undefined {
  const match = headers['if-match'];
  const noneMatch = headers['if-none-match'];
  if (
    match !== undefined
      ? !matches(match, now.etag, false)
      : isLater(now, headers['if-unmodified-since']) === true
  ) {
    return 412;
  }
  if (noneMatch !== undefined) {
    return matches(noneMatch, now.etag, true) ? 304 : undefined;
  }
  return isLater(now, headers['if-modified-since']) === false ? 304 : undefined;
}

/**
 * Whether a Range header applies. It does not when If-Range names another state of the file (RFC
 * 9110 13.1.5).
 */
export function rangeApplies(headers: IncomingHttpHeaders, now: Validators): boolean {
  const condition = headers['if-range'];
  if (typeof condition !== 'string') {
    return true;
  }
  if (/^(?:W\/)?"/.test(condition)) {
    return condition === now.etag;
  }
  return parseDate(condition) === seconds(now.lastModifiedAt);
}

/** A strong comparison needs two strong tags; a weak one compares only the text. */
function matches(list: string, etag: string, weak: boolean): boolean {
  if (list.trim() === '*') {
    return true;
  }
  for (const [, weakMark, tag] of list.matchAll(/(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g)) {
    if (tag === etag && (weak || weakMark === undefined)) {
      return true;
    }
  }
  return false;
}

/** Undefined when `date` is missing or not an HTTP date. The condition is then ignored. */
function isLater({ lastModifiedAt }: Validators, date: string | undefined): boolean | undefined {
  const limit = parseDate(date);
  return limit === undefined ? undefined : seconds(lastModifiedAt) > limit;
}

function parseDate(date: string | undefined): number | undefined {
  if (date === undefined || !/^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(date)) {
    return undefined;
  }
  const ms = Date.parse(date);
  return Number.isNaN(ms) ? undefined : seconds(ms);
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
