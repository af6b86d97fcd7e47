import type { IncomingMessage } from 'node:http';
import { fail } from '../core/errors.ts';
import { failed } from './failure.ts';

export const partOfFile = {
  code: 'bad_request',
  as: 'part',
  message:
    'A part of a file cannot be stored by Content-Range. Send the whole file, or its chunks.',
} as const;

/**
 * Refuses a head that is ambiguous, because proxies may have read it differently (RFC 9112 3.2), or
 * that asks for something unsupported, because a success would be wrong. Throws `bad_request`.
 */
export function refuseAmbiguity(request: IncomingMessage): void {
  const { headers, rawHeaders, httpVersion } = request;
  if (headers.host === undefined && httpVersion === '1.1') {
    throw fail('bad_request', { message: 'The header Host is missing.' });
  }
  refuseRepeated(rawHeaders);
  const { expect, 'content-range': contentRange } = headers;
  if (expect !== undefined && httpVersion === '1.1' && !isContinue.test(expect)) {
    throw fail('bad_request', {
      status: 417,
      message: 'Only "Expect: 100-continue" is known here.',
    });
  }
  if (contentRange !== undefined) {
    refusePart(request, contentRange);
  }
}

const isContinue = /(?:^|\W)100-continue(?:$|\W)/i;

/** Node takes the first of these and drops the others. */
const single: ReadonlySet<string> = new Set(['host', 'content-type', 'authorization']);
const lengths: ReadonlySet<number> = new Set([...single].map((name) => name.length));

// Runs for every request, so it compares lengths before it creates strings.
function refuseRepeated(rawHeaders: readonly string[]): void {
  let seen: Map<string, string> | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const rawName = rawHeaders[at] ?? '';
    if (!lengths.has(rawName.length)) {
      continue;
    }
    const name = rawName.toLowerCase();
    if (!single.has(name)) {
      continue;
    }
    const value = rawHeaders[at + 1] ?? '';
    seen ??= new Map();
    const before = seen.get(name);
    // RFC 9112 3.2: two Host headers are one too many, even when they are equal.
    if (before !== undefined && (name === 'host' || before !== value)) {
      throw fail('bad_request', { message: `The header ${rawName} came twice.` });
    }
    seen.set(name, value);
  }
}

/**
 * RFC 9110 14.5: storing a part as a file of its own would be a wrong success. A chunk of a chunked
 * upload may name its range.
 */
function refusePart({ method = '', url = '' }: IncomingMessage, contentRange: string): void {
  if (
    !['POST', 'PUT', 'PATCH'].includes(method) ||
    isWhole(contentRange) ||
    /[?&]chunked=true(?:&|$)/.test(url)
  ) {
    return;
  }
  throw failed(partOfFile);
}

/** `bytes 0-99/100` is all of it. */
function isWhole(contentRange: string): boolean {
  const [, start, end, total] = /^\s*bytes\s+(\d+)-(\d+)\/(\d+)\s*$/i.exec(contentRange) ?? [];
  return Number(start) === 0 && Number(end) + 1 === Number(total);
}
