import type { ByteSource } from '../../core/bytes.ts';
import type { Tapped } from '../../core/streams/tap.ts';

/**
 * One zero byte in place of no bytes: chat services take no empty files, so an empty file is stored
 * as one byte and its ref has size 0.
 */
export async function* orOneByte(source: Tapped): ByteSource {
  yield* source;
  if (source.bytes === 0) {
    yield new Uint8Array(1);
  }
}
