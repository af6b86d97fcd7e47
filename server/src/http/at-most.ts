import type { ByteSource } from '../core/bytes.ts';
import { fail } from '../core/errors.ts';

/** Fails with `too_large` as soon as there is one byte too many. */
export async function* atMost(source: ByteSource, maxBytes: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw fail('too_large', { details: { maxBytes } });
    yield chunk;
  }
}
