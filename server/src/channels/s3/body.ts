import type { ByteSource } from '../../core/bytes.ts';
import { fail } from '../../core/errors.ts';

/** All bytes of a small source in one buffer. */
export async function collect(
  source: ByteSource,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  let seen = 0;
  for await (const chunk of untilAborted(source, signal)) {
    if (seen + chunk.length > sizeBytes) {
      throw tooMany(sizeBytes);
    }
    bytes.set(chunk, seen);
    seen += chunk.length;
  }
  if (seen < sizeBytes) {
    throw fail('incomplete_body');
  }
  return bytes;
}

/**
 * Passes the source through and rejects with the signal's reason as soon as it is aborted, also
 * while the source is silent.
 */
export async function* untilAborted(
  source: ByteSource,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let giveUp: (reason: unknown) => void = () => {};
  const abort = (): void => giveUp(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  let ended = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        giveUp = reject;
        iterator.next().then(resolve, reject);
      });
      ended = next.done === true;
      if (next.done) {
        return;
      }
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    // Not awaited: a source that hangs would hold us.
    if (!ended) {
      void Promise.resolve(iterator.return?.()).catch(() => undefined);
    }
  }
}

function tooMany(sizeBytes: number): unknown {
  return fail('size_mismatch', {
    message: `The source has more than the announced ${sizeBytes} bytes.`,
  });
}
