import type { ByteSource, ReplayableBody } from '../bytes.ts';
import { fail } from '../errors.ts';
import { createHasher } from './hash.ts';
import { tap } from './tap.ts';

export type BodyFacts = Pick<ReplayableBody, 'size' | 'sha256'>;

/** A live stream, which can be opened a single time. */
export function streamBody<F extends BodyFacts>(source: ByteSource, facts: F): ReplayableBody & F;
export function streamBody(source: ByteSource): ReplayableBody;
export function streamBody(source: ByteSource, facts: BodyFacts = {}): ReplayableBody {
  let isOpened = false;
  return {
    ...facts,
    once: true,
    open() {
      if (isOpened) {
        throw fail('internal_error', { message: 'A live stream was opened twice.' });
      }
      isOpened = true;
      return source;
    },
  };
}

/** Bytes in memory. */
export function bytesBody(bytes: Uint8Array): ReplayableBody & { readonly size: number } {
  return { open: () => once(bytes), size: bytes.length };
}

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) {
    yield bytes;
  }
}

export async function* nothing(): AsyncGenerator<Uint8Array> {}

/** What all bytes of a body amount to: `hash` is hex BLAKE3. */
export interface Digest {
  readonly size: number;
  readonly hash: string;
}

export interface HashedBody extends ReplayableBody {
  /** Call it when the body is stored. Reads it once more when nothing has read it to its end. */
  digest(): Promise<Digest>;
}

/** The same body, hashed by what first reads it to its end. */
export function hashedBody<B extends ReplayableBody>(body: B): B & HashedBody {
  let known: Digest | undefined;
  const open = (): ByteSource => {
    if (known !== undefined) {
      return body.open();
    }
    const hasher = createHasher();
    const tapped = tap(body.open(), {
      onChunk: hasher.update,
      onEnd: () => (known ??= { size: tapped.bytes, hash: hasher.digest() }),
    });
    return tapped;
  };
  return {
    ...body,
    open,
    async digest() {
      if (known === undefined && body.once !== true) {
        for await (const _chunk of open()) {
          // Hashed on its way.
        }
      }
      if (known === undefined) {
        throw fail('channel_unavailable', { message: 'The body was not read to its end.' });
      }
      return known;
    },
  };
}
