import type { ByteSource } from '../bytes.ts';
import { fail } from '../errors.ts';
import { watch } from './watch.ts';

/**
 * Fails with `too_large` as soon as there is one byte more than `room`, naming `maxBytes`, of which
 * the room may be what is left. To be read once.
 */
export function atMost(source: ByteSource, room: number, maxBytes: number = room): ByteSource {
  let bytes = 0;
  return watch(source, {
    onChunk(chunk) {
      bytes += chunk.length;
      if (bytes > room) {
        throw fail('too_large', { details: { maxBytes } });
      }
    },
  });
}
