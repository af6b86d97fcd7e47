import { describe, expect, it } from 'vitest';
import { createHasher, hashing, hashOf, hashOfParts } from './hash.ts';

// Test vectors of the BLAKE3 authors.
const empty = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262';
const abc = '6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85';

async function* chunks(...texts: string[]) {
  for (const text of texts) {
    yield Buffer.from(text);
  }
}

describe('hash', () => {
  it('is BLAKE3', () => {
    expect(hashOf(new Uint8Array(0))).toBe(empty);
    expect(hashOf(Buffer.from('abc'))).toBe(abc);
  });

  it('does not depend on the chunks', () => {
    const hasher = createHasher();
    hasher.update(Buffer.from('a'));
    hasher.update(new Uint8Array(0));
    hasher.update(Buffer.from('xbcx').subarray(1, 3));
    expect(hasher.digest()).toBe(abc);
  });

  it('of parts covers their raw hashes and their number', () => {
    expect(hashOfParts([empty, abc])).toBe(
      `${hashOf(Buffer.concat([Buffer.from(empty, 'hex'), Buffer.from(abc, 'hex')]))}-2`,
    );
    expect(hashOfParts([abc, empty])).not.toBe(hashOfParts([empty, abc]));
  });
});

describe('hashing', () => {
  it('hands everything on and tells size and hash at the end', async () => {
    const results: unknown[] = [];
    const passed = await Array.fromAsync(
      hashing(chunks('a', 'bc'), (result) => results.push(result)),
    );
    expect(Buffer.concat(passed).toString()).toBe('abc');
    expect(results).toEqual([{ size: 3, hash: abc }]);
  });

  it('tells nothing when the reader leaves early, and leaves the source', async () => {
    const results: unknown[] = [];
    let left = false;
    const source = (async function* () {
      try {
        yield* chunks('a', 'b');
      } finally {
        left = true;
      }
    })();
    for await (const _ of hashing(source, (result) => results.push(result))) {
      break;
    }
    expect({ results, left }).toEqual({ results: [], left: true });
  });
});
