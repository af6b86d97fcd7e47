import type { ByteSource } from '../../core/bytes.ts';
import { fail } from '../../core/errors.ts';

/**
 * Cuts a multipart body into header blocks and slices of content, as they are asked for
 * (docs/decisions/020). Calls must not overlap.
 */
export interface MultipartScanner {
  /**
   * Skips the rest of the current part. Returns the next part's header lines, undefined after the
   * closing boundary.
   */
  nextHeaders(): Promise<Buffer | undefined>;
  /** The next slice (never empty) of the current part's content, undefined at its end. */
  nextSlice(): Promise<Buffer | undefined>;
  /** Stops reading the source. */
  close(): Promise<void>;
}

// Longer than any preamble in use, short enough to refuse a body that is not multipart at once.
const maxPreambleBytes = 64 * 1024;
const maxBoundaryLength = 200;
const maxPaddingBytes = 256;
const [tab, lf, cr, space, dash] = [9, 10, 13, 32, 45];

/**
 * What follows the text of a delimiter: the end of the form, the next part (its header lines start
 * at `at`), too few bytes to decide, or none of these.
 */
type Sequel =
  | { readonly kind: 'close' | 'content' | 'more' }
  | { readonly kind: 'part'; readonly at: number };

export function createMultipartScanner(
  source: ByteSource,
  declaredBoundary: string | undefined,
  maxHeaderBytes: number,
): MultipartScanner {
  const input = source[Symbol.asyncIterator]();
  let buffer: Buffer = Buffer.alloc(0);
  let at = 0;
  let lineEnd = '\r\n';
  let delimiter: Buffer = buffer;
  let state: 'start' | 'preamble' | 'headers' | 'content' | 'closed' = 'start';
  let failure: unknown;

  /** Appends the next chunk to the unread bytes. Copies only then, when few bytes are unread. */
  async function pull(): Promise<boolean> {
    const { done, value } = await input.next();
    if (done) {
      return false;
    }
    const chunk = Buffer.isBuffer(value)
      ? value
      : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    buffer = at === buffer.length ? chunk : Buffer.concat([buffer.subarray(at), chunk]);
    at = 0;
    return true;
  }

  async function pullMore(): Promise<void> {
    if (await pull()) {
      return;
    }
    if (state === 'preamble') {
      throw fail('invalid_multipart', { message: 'No boundary was found in the body.' });
    }
    throw fail('incomplete_body', { message: 'The form ended before its closing boundary.' });
  }

  async function start(): Promise<void> {
    const firstLine = await peekLine();
    const boundary = declaredBoundary ?? sniffBoundary(firstLine);
    if (boundary.length > maxBoundaryLength) {
      throw fail('invalid_multipart', { message: 'The boundary is too long.' });
    }
    const dashed = `--${boundary}`;
    const isFirst = firstLine.startsWith(dashed);
    if (isFirst && /[^\r]\n$/.test(firstLine)) {
      lineEnd = '\n';
    }
    delimiter = Buffer.from(lineEnd + dashed, 'latin1');
    // No line break precedes a delimiter at the very start.
    const sequel = isFirst ? sequelAt(buffer, dashed.length) : undefined;
    if (sequel?.kind === 'part' || sequel?.kind === 'close') {
      return enter(sequel);
    }
    state = 'preamble';
    let preambleBytes = 0;
    for (let slice = await readSlice(); slice !== undefined; slice = await readSlice()) {
      preambleBytes += slice.length;
      if (preambleBytes > maxPreambleBytes) {
        throw fail('invalid_multipart', { message: 'No boundary was found in the body.' });
      }
    }
  }

  /**
   * The first line with its line break, or as much of it as a boundary can have. Consumes nothing.
   */
  async function peekLine(): Promise<string> {
    const wanted = maxBoundaryLength + maxPaddingBytes;
    while (buffer.indexOf(lf) === -1 && buffer.length < wanted && (await pull())) {}
    if (buffer.length === 0) {
      throw fail('invalid_multipart', { message: 'The body is empty.' });
    }
    const end = buffer.indexOf(lf);
    return buffer.toString('latin1', 0, end === -1 ? wanted : Math.min(wanted, end + 1));
  }

  async function readHeaders(): Promise<Buffer> {
    // The line break of the delimiter counts as the first of the two that end the headers, because
    // there may be none.
    at -= lineEnd.length;
    const end = Buffer.from(lineEnd + lineEnd);
    for (;;) {
      const found = buffer.indexOf(end, at);
      if ((found === -1 ? buffer.length : found) - at > maxHeaderBytes) {
        throw fail('invalid_multipart', {
          message: `The headers of a part are larger than ${maxHeaderBytes} bytes.`,
        });
      }
      if (found !== -1) {
        const headers = buffer.subarray(Math.min(at + lineEnd.length, found), found);
        at = found + end.length;
        state = 'content';
        return headers;
      }
      await pullMore();
    }
  }

  async function readSlice(): Promise<Buffer | undefined> {
    for (;;) {
      const found = buffer.indexOf(delimiter, at);
      if (found === -1) {
        const end = tailStart(buffer, at, delimiter);
        if (end > at) {
          return take(end);
        }
        await pullMore();
        continue;
      }
      const sequel = sequelAt(buffer, found + delimiter.length);
      if (sequel.kind === 'content') {
        return take(found + delimiter.length);
      }
      if (found > at) {
        return take(found);
      }
      if (sequel.kind !== 'more') {
        return enter(sequel);
      }
      await pullMore();
    }
  }

  function enter(sequel: Sequel): undefined {
    state = sequel.kind === 'part' ? 'headers' : 'closed';
    if (sequel.kind === 'part') {
      at = sequel.at;
    }
  }

  function take(end: number): Buffer {
    const slice = buffer.subarray(at, end);
    at = end;
    return slice;
  }

  async function nextSlice(): Promise<Buffer | undefined> {
    if (failure !== undefined) {
      throw failure;
    }
    return state === 'content' ? guard(readSlice) : undefined;
  }

  async function nextHeaders(): Promise<Buffer | undefined> {
    if (failure !== undefined) {
      throw failure;
    }
    while ((await nextSlice()) !== undefined) {}
    if (state === 'start') {
      await guard(start);
    }
    return state === 'headers' ? guard(readHeaders) : undefined;
  }

  /** An ended source looks like a short one to the next call, so the first error is kept. */
  async function guard<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      failure = error;
      throw error;
    }
  }

  return { nextHeaders, nextSlice, close: async () => void (await input.return?.()) };
}

function sniffBoundary(firstLine: string): string {
  // An empty form has its closing boundary in the first line.
  const boundary = /^--(.+?)(?:--)?\s*$/.exec(firstLine)?.[1];
  if (boundary === undefined) {
    throw fail('invalid_multipart', { message: 'The Content-Type has no boundary.' });
  }
  return boundary;
}

/**
 * RFC 2046 5.1.1: `--` closes the form; blanks and a line break lead to the next part. Otherwise
 * the content happens to contain the delimiter at the start of a longer line.
 */
function sequelAt(buffer: Buffer, index: number): Sequel {
  if (buffer[index] === dash) {
    if (index + 1 >= buffer.length) {
      return { kind: 'more' };
    }
    return { kind: buffer[index + 1] === dash ? 'close' : 'content' };
  }
  let end = index;
  while (end - index < maxPaddingBytes && (buffer[end] === space || buffer[end] === tab)) {
    end++;
  }
  if (buffer[end] === lf) {
    return { kind: 'part', at: end + 1 };
  }
  if (end >= buffer.length || (buffer[end] === cr && end + 1 >= buffer.length)) {
    return { kind: 'more' };
  }
  return buffer[end] === cr && buffer[end + 1] === lf
    ? { kind: 'part', at: end + 2 }
    : { kind: 'content' };
}

/** Where the end of the buffer may begin a delimiter; the buffer's length when it does not. */
function tailStart(buffer: Buffer, at: number, delimiter: Buffer): number {
  let index = Math.max(at, buffer.length - delimiter.length + 1);
  // The delimiter's first byte, a line feed or carriage return, does not occur in it again.
  index = buffer.indexOf(delimiter[0] ?? lf, index);
  if (index === -1) {
    return buffer.length;
  }
  const isPrefix = buffer.compare(delimiter, 0, buffer.length - index, index) === 0;
  return isPrefix ? index : tailStart(buffer, index + 1, delimiter);
}
