import { Readable } from 'node:stream';

const sliceBytes = 128 * 1024;

export interface Outgoing {
  readonly body: Readable;
  readonly signal: AbortSignal;
}

/**
 * Runs a request whose body is a stream. The SDK pipes it without looking after either end: here an error of the body (`stop`) ends the
 * request, and a response that comes before the body is through ends both, otherwise the socket would wait for the rest for ever.
 */
export async function sendStream<T>(
  open: (stop: (reason: unknown) => void) => Readable,
  signal: AbortSignal,
  call: (outgoing: Outgoing) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const body = open((reason) => over.abort(reason));
  try {
    return await call({ body, signal: AbortSignal.any([signal, over.signal]) });
  } catch (error) {
    body.destroy();
    over.abort(error);
    throw error;
  }
}

/** Bytes in memory as a stream that reports when the next piece of them is asked for. */
export function slices(bytes: Uint8Array, onProgress: (() => void) | undefined): Readable {
  function* cut(): Generator<Uint8Array> {
    for (let start = 0; start < bytes.length; start += sliceBytes) {
      onProgress?.();
      yield bytes.subarray(start, start + sliceBytes);
    }
  }
  return Readable.from(cut(), { objectMode: false, highWaterMark: sliceBytes });
}
