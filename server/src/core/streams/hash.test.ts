import { describe, expect, it } from 'vitest';
import { createHasher, hashOf, hashOfParts } from './hash.ts';

// Test vectors of the BLAKE3 authors.
const empty = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262';
const abc = '6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85';

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
