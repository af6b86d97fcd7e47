import type { ByteSource } from '../core/bytes.ts';
import { fail } from '../core/errors.ts';
import { watch } from '../core/watch.ts';

/** Fails with `too_large` as soon as there is one byte too many. To be read once. */
export function atMost(source: ByteSource, maxBytes: number): ByteSource {
  let bytes = 0;
  return watch(source, {
    onChunk(chunk) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw fail('too_large', { details: { maxBytes } });
    },
  });
}
