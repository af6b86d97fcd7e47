import { Blake3Hasher } from '@napi-rs/blake-hash';

/**
 * BLAKE3 over bytes that arrive piece by piece. `digest` returns lower-case hex and is called once,
 * last.
 */
export interface Hasher {
  update(chunk: Uint8Array): void;
  digest(): string;
}

// Making a native object costs more than hashing a small file.
const idle: Blake3Hasher[] = [];
const keptIdle = 64;

export function createHasher(): Hasher {
  const blake3 = idle.pop() ?? new Blake3Hasher();
  return {
    update: (chunk) => {
      blake3.update(chunk);
    },
    digest: () => {
      const hex = blake3.digest('hex');
      blake3.reset();
      if (idle.length < keptIdle) {
        idle.push(blake3);
      }
      return hex;
    },
  };
}

/** Hex BLAKE3 of bytes at hand. */
export function hashOf(bytes: Uint8Array): string {
  const hasher = createHasher();
  hasher.update(bytes);
  return hasher.digest();
}

/**
 * The hash of a blob merged from parts, `<hex>-<number of parts>`: BLAKE3 over the parts' raw
 * hashes, given as hex in order.
 */
export function hashOfParts(hashes: readonly string[]): string {
  return `${hashOf(Buffer.from(hashes.join(''), 'hex'))}-${hashes.length}`;
}

/**
 * Whether a stored hash is that of the bytes themselves: some stores' own multipart and direct
 * uploads leave none that can be compared.
 */
export function isContentHash(hash: string): boolean {
  return /^[0-9a-f]{64}$/.test(hash);
}
