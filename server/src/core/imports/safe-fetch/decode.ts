import { Readable, type Transform } from 'node:stream';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';
import type { ByteSource } from '../../bytes.ts';
import { fail } from '../../errors.ts';
import { peek } from '../../streams/peek.ts';

type Decoder = (head: Uint8Array) => Transform;

/** What makes a body plain again, by its Content-Encoding. `head` is how it begins. */
const decoders: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['gzip', () => createGunzip()],
  ['x-gzip', () => createGunzip()],
  ['br', () => createBrotliDecompress()],
  ['zstd', () => createZstdDecompress()],
  // RFC 9110 8.4.1.2: some servers leave the frame of zlib out.
  ['deflate', (head) => (((head[0] ?? 8) & 0x0f) === 8 ? createInflate() : createInflateRaw())],
]);

export function isDecodable(coding: string): boolean {
  return decoders.has(coding);
}

/**
 * The plain bytes, not further than they are read. Fails with `fetch_failed` when the body is not
 * in this coding.
 */
export async function* decoded(source: ByteSource, coding: string): AsyncGenerator<Uint8Array> {
  const { head, source: whole } = await peek(source, 1);
  const decoder = decoders.get(coding)?.(head);
  if (decoder === undefined) {
    throw fail('internal_error');
  }
  const input = Readable.from(whole, { objectMode: false });
  input.once('error', (error) => decoder.destroy(error));
  try {
    yield* input.pipe(decoder) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw isZlibError(error) ? broken(error) : error;
  } finally {
    input.destroy();
    decoder.destroy();
  }
}

function isZlibError(error: unknown): boolean {
  return /^(?:Z_|ERR_?_?(?:BROTLI|ZSTD|ZLIB)|ERR__|ZSTD_)/.test(
    String((error as NodeJS.ErrnoException | null)?.code),
  );
}

function broken(cause: unknown): Error {
  const message = 'The response from the url does not match its Content-Encoding.';
  return fail('fetch_failed', { message, details: { upstreamStatus: 200 }, cause });
}
