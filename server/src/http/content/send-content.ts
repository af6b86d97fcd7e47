import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ByteRange } from '../../core/bytes.ts';
import type { GetResult } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import { preconditionStatus, rangeApplies, type Validators } from './conditional.ts';
import { parseRange } from './range.ts';

export interface Content extends Validators {
  readonly size: number;
  /** For every response that carries or describes the bytes (`contentHeaders`). */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Opens the bytes, or the range of them. `signal` is aborted when the client disconnects. Never
   * called for HEAD, 304, 412 and 416.
   */
  open(range: ByteRange | undefined, signal: AbortSignal): Promise<GetResult>;
}

export interface Sent {
  readonly status: number;
  /** Bytes of the body handed to the connection. */
  readonly bytes: number;
  /**
   * What interrupted the body: the client disconnected (`client_closed`), or the content failed and
   * the connection was cut.
   */
  readonly failure?: unknown;
}

/**
 * Responds to a GET or HEAD with the bytes, a part of them, or none (RFC 9110 13 and 14). Throws
 * only before anything is sent, so that the caller can still respond with an error. A body that
 * cannot be finished ends in a cut connection, never in a short body that looks complete.
 */
export async function sendContent(
  request: IncomingMessage,
  response: ServerResponse,
  content: Content,
): Promise<Sent> {
  const answer = answerTo(request, content);
  if (answer.size === 0) {
    response.writeHead(answer.status, answer.headers).end();
    return { status: answer.status, bytes: 0 };
  }
  return sendBody(response, answer, content);
}

/** The same, all at once, for bytes that are in memory. */
export function sendKept(
  request: IncomingMessage,
  response: ServerResponse,
  content: Omit<Content, 'open'>,
  bytes: Uint8Array,
): void {
  const { status, headers, size, range } = answerTo(request, content);
  response.writeHead(status, headers);
  if (size === 0) {
    response.end();
  } else {
    response.end(range === undefined ? bytes : bytes.subarray(range.start, range.end + 1));
  }
}

/** The headers of a response with the whole file, but for its length. */
export function contentHead(content: Omit<Content, 'open'>): Record<string, string> {
  return {
    ...content.headers,
    ETag: content.etag,
    'Last-Modified': new Date(content.lastModifiedAt).toUTCString(),
    'Accept-Ranges': 'bytes',
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  /** Bytes of the body; 0: there is none. */
  readonly size: number;
  readonly range?: ByteRange | undefined;
}

function answerTo(request: IncomingMessage, content: Omit<Content, 'open'>): Answer {
  const headers = contentHead(content);
  const precondition = preconditionStatus(request.headers, content);
  if (precondition === 304) {
    return { status: 304, headers: headersOf304(headers), size: 0 };
  }
  if (precondition === 412) {
    return { status: 412, headers: { ...headers, ...noContent }, size: 0 };
  }

  // RFC 9110 14.2: ranges are defined for GET alone.
  const wantsRange = request.method === 'GET' && rangeApplies(request.headers, content);
  const found = parseRange(wantsRange ? request.headers.range : undefined, content.size);
  if (found.kind === 'unsatisfiable') {
    const contentRange = `bytes */${content.size}`;
    return {
      status: 416,
      headers: { ...headers, 'Content-Range': contentRange, ...noContent },
      size: 0,
    };
  }
  if (found.kind === 'none') {
    return {
      status: 200,
      headers: { ...headers, 'Content-Length': String(content.size) },
      size: request.method === 'HEAD' ? 0 : content.size,
    };
  }
  const { range } = found;
  const size = range.end - range.start + 1;
  return {
    status: 206,
    headers: {
      ...headers,
      'Content-Range': `bytes ${range.start}-${range.end}/${content.size}`,
      'Content-Length': String(size),
    },
    size,
    range,
  };
}

/**
 * RFC 9110 15.4.5: headers that describe the bytes are omitted, because the client has them with
 * its copy.
 */
function headersOf304(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/^content-(?:type|disposition)$/i.test(name)),
  );
}

const noContent = { 'Content-Length': '0', 'Cache-Control': 'no-store' };

async function sendBody(
  response: ServerResponse,
  { status, headers, size, range }: Answer,
  content: Content,
): Promise<Sent> {
  const head = () => response.writeHead(status, headers);
  const leaving = new AbortController();
  const onClose = () => leaving.abort(fail('client_closed'));
  response.once('close', onClose);
  try {
    const { stream } = await content.open(range, leaving.signal);
    return {
      status,
      ...(await pump(stream[Symbol.asyncIterator](), {
        response,
        size,
        head,
        signal: leaving.signal,
      })),
    };
  } finally {
    response.off('close', onClose);
  }
}

interface Target {
  readonly response: ServerResponse;
  readonly size: number;
  head(): void;
  readonly signal: AbortSignal;
}

async function pump(
  input: AsyncIterator<Uint8Array>,
  target: Target,
): Promise<Omit<Sent, 'status'>> {
  const { response, size, head, signal } = target;
  let bytes = 0;
  try {
    // The first bytes are read before the status line is sent, so that a failing store gets an
    // honest status.
    let next = await input.next();
    if (response.destroyed) {
      throw fail('client_closed');
    }
    if (next.done) {
      throw fail('channel_unavailable', { message: 'The storage backend sent nothing.' });
    }
    head();
    while (!next.done) {
      bytes += next.value.length;
      if (bytes > size) {
        throw fail('channel_unavailable', {
          message: 'The storage backend sent more bytes than it holds.',
        });
      }
      if (bytes === size) {
        return await finish(input, target, next.value);
      }
      // Stores read ahead by themselves. One more chunk here would be held for every slow reader.
      if (!response.write(next.value)) {
        await once(response, 'drain', { signal });
      }
      next = await input.next();
    }
    throw fail('channel_unavailable', {
      message: 'The storage backend sent fewer bytes than it holds.',
    });
  } catch (error) {
    input.return?.()?.catch(() => undefined);
    if (!response.headersSent) {
      throw error;
    }
    response.destroy();
    return { bytes, failure: signal.aborted ? signal.reason : error };
  }
}

/** Sends the end with the last bytes in one write. The source is closed, not read further. */
async function finish(
  input: AsyncIterator<Uint8Array>,
  { response, size }: Target,
  last: Uint8Array,
): Promise<Omit<Sent, 'status'>> {
  response.end(last);
  await input.return?.()?.catch(() => undefined);
  return { bytes: size };
}
