import type { IncomingMessage } from 'node:http';
import type { ByteSource } from '../../core/bytes.ts';
import { fail, isStowageError, type StowageError } from '../../core/errors.ts';
import { createByteBudget } from '../../core/streams/byte-budget.ts';
import { noteBytesPassed } from '../../core/streams/gc-pressure.ts';
import { failed } from '../failure.ts';
import { createByteQueue } from './byte-queue.ts';
import { refuseEncoded } from './whole-body.ts';

export interface BodyOptions {
  /** Maximum size of the whole body, as sent (multipart overhead included). */
  readonly maxBytes: number;
  /** Maximum silence in ms while a reader waits for bytes. There is no minimum speed. */
  readonly idleMs: number;
  /**
   * Aborting makes the read fail with the reason when it is a `StowageError`, otherwise with
   * `client_closed`.
   */
  readonly signal?: AbortSignal | undefined;
}

export const silentFor = (idleMs: number) =>
  ({
    code: 'client_closed',
    status: 408,
    message: `No data arrived for ${Math.ceil(idleMs / 1000)} seconds.`,
  }) as const;

const kiB = 1024;
// One per process, like its memory. All bodies that are being read share it.
const budget = createByteBudget({
  totalBytes: 3 * 1024 * kiB,
  minBytes: 64 * kiB,
  maxBytes: 512 * kiB,
});

/**
 * The raw body of a request, readable once, in the chunks that the socket delivered. Holds at most
 * 512 KiB, less while there are many bodies. Throws `too_large` as soon as more than `maxBytes` are
 * announced or received, `incomplete_body` when it ends short of its Content-Length,
 * `client_closed` when the connection is cut, and the same with status 408 after `idleMs` of
 * silence. When the reader stops early, the request stays paused until `drain`. Fails at once with
 * `unsupported_media_type` for a body with a Content-Encoding.
 */
export function bodyOf(request: IncomingMessage, options: BodyOptions): ByteSource {
  refuseEncoded(request);
  return { [Symbol.asyncIterator]: () => readBody(request, options) };
}

// Readable's own async iterator costs several promises and a `read()` for every chunk; here a
// queued chunk costs one resolved promise.
function readBody(
  request: IncomingMessage,
  { maxBytes, idleMs, signal }: BodyOptions,
): AsyncIterator<Uint8Array, undefined> {
  const announced = announcedBytes(request);
  let receivedBytes = 0;
  const share = budget.join();
  const queue = createByteQueue({
    share,
    flow: (on) => (on ? request.resume() : request.pause()),
    idleMs,
    onIdle: () => stop(failed(silentFor(idleMs))),
  });

  const onData = (chunk: Buffer) => {
    receivedBytes += chunk.length;
    noteBytesPassed(chunk.length);
    if (receivedBytes > maxBytes) {
      stop(fail('too_large', { details: { maxBytes } }));
    } else {
      queue.push(chunk);
    }
  };
  const onEnd = () =>
    stop(
      announced !== undefined && receivedBytes !== announced ? fail('incomplete_body') : undefined,
    );
  const onCut = () => stop(fail('client_closed'));
  const onAbort = () => stop(abortError(signal));

  function letGo(): void {
    request.off('data', onData).off('end', onEnd).off('error', onCut).off('close', onCut);
    signal?.removeEventListener('abort', onAbort);
    share.leave();
  }

  function stop(error: StowageError | undefined): void {
    letGo();
    if (error !== undefined) {
      request.pause();
    }
    queue.close(error);
  }

  /**
   * The usual end of a form, which its reader recognises by the last boundary. Bytes that have
   * arrived already may be discarded.
   */
  function leave(): void {
    letGo();
    if (!request.complete) {
      request.pause();
    }
    queue.close();
  }

  if (announced !== undefined && announced > maxBytes) {
    stop(fail('too_large', { details: { maxBytes } }));
  } else if (signal?.aborted) {
    stop(abortError(signal));
  } else if (request.readableEnded) {
    onEnd();
  } else if (request.destroyed) {
    stop(fail('client_closed'));
  } else {
    signal?.addEventListener('abort', onAbort);
    request.on('end', onEnd).on('error', onCut).on('close', onCut).on('data', onData);
  }

  return {
    next: queue.next,
    return: () => {
      if (!queue.closed) {
        leave();
      }
      return Promise.resolve({ done: true, value: undefined });
    },
  };
}

function announcedBytes(request: IncomingMessage): number | undefined {
  const header = request.headers['content-length'];
  return header === undefined || request.headers['transfer-encoding'] !== undefined
    ? undefined
    : Number(header);
}

function abortError(signal: AbortSignal | undefined): StowageError {
  const reason: unknown = signal?.reason;
  return isStowageError(reason) ? reason : fail('client_closed', { cause: reason });
}

export interface DrainLimits {
  /** Bytes thrown away before the connection is cut. Default 256 MiB. */
  readonly maxBytes?: number;
  /** Longest time in ms for that. Default 30 s. */
  readonly timeoutMs?: number;
}

/**
 * Discards the rest of a body, so that a client which is still sending can read the response
 * (closing with unread bytes resets the connection and loses the response) and the connection can
 * be reused. Past the limits the connection is cut. Call it for every request once the response is
 * sent; it costs nothing when the body has been read. Never rejects.
 */
export function drain(request: IncomingMessage, limits: DrainLimits = {}): Promise<void> {
  const isEmpty = request.complete && request.readableLength === 0;
  if (isEmpty || request.readableEnded || request.destroyed) {
    return Promise.resolve();
  }
  const { maxBytes = 256 * 1024 * 1024, timeoutMs = 30_000 } = limits;
  return new Promise((resolve) => {
    let leftBytes = maxBytes;
    const cut = () => request.socket.destroy();
    const timer = setTimeout(cut, timeoutMs);
    const finish = () => {
      clearTimeout(timer);
      request.socket.off('close', finish);
      resolve();
    };
    // A reader that stopped early must not collect any more.
    request.removeAllListeners('data');
    request.on('data', (chunk: Buffer) => {
      noteBytesPassed(chunk.length);
      leftBytes -= chunk.length;
      if (leftBytes < 0) {
        cut();
      }
    });
    request.once('end', finish).once('error', finish);
    request.socket.once('close', finish);
    request.resume();
  });
}
