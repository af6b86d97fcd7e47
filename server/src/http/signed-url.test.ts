import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createUrlSigner, type UrlClaims } from './signed-url.ts';

const key = randomBytes(32);
const signer = createUrlSigner(key);
const claims: UrlClaims = {
  id: 'm1',
  purpose: 'relay',
  expiresAt: 1_700_000_000_000,
  maxBytes: 1000,
  contentType: 'image/png',
};

const anyClaims: fc.Arbitrary<UrlClaims> = fc.record(
  {
    id: fc.string({ unit: 'binary' }).filter((id) => id.isWellFormed()),
    purpose: fc.constantFrom('relay', 'hf-complete', ''),
    expiresAt: fc.maxSafeNat(),
    maxBytes: fc.maxSafeNat(),
    contentType: fc.string(),
  },
  { requiredKeys: ['id', 'purpose', 'expiresAt'] },
);

describe('createUrlSigner', () => {
  it('gives back what was signed, in URL-safe characters', () => {
    fc.assert(
      fc.property(anyClaims, (signed) => {
        const token = signer.sign(signed);
        expect(token).toMatch(/^[\w.-]+$/);
        expect(signer.verify(token, signed.purpose)).toEqual(signed);
      }),
    );
  });

  it('is the same on every node, and void under another key', () => {
    const token = signer.sign(claims);
    expect(createUrlSigner(Buffer.from(key)).verify(token, 'relay')).toEqual(claims);
    expect(() => createUrlSigner(randomBytes(32)).verify(token, 'relay')).toThrow(
      expect.objectContaining({ code: 'invalid_signature' }),
    );
  });

  it('is void for another purpose', () => {
    expect(() => signer.verify(signer.sign(claims), 'hf-complete')).toThrow(
      expect.objectContaining({ code: 'invalid_signature' }),
    );
  });

  it('notices every change of a character, a cut and an addition', () => {
    const token = signer.sign(claims);
    const alphabet = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ '];
    const refused = (changed: string) =>
      expect(() => signer.verify(changed, 'relay')).toThrow(
        expect.objectContaining({ code: 'invalid_signature', status: 403 }),
      );
    for (let at = 0; at < token.length; at++) {
      refused(token.slice(0, at));
      for (const character of alphabet) {
        if (character !== token[at]) {
          refused(token.slice(0, at) + character + token.slice(at + 1));
        }
        refused(token.slice(0, at) + character + token.slice(at));
      }
    }
    for (const character of alphabet) {
      refused(token + character);
    }
  });

  it('refuses any other text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `v1.${text}.${text}`),
        ),
        (text) => {
          expect(() => signer.verify(text, 'relay')).toThrow(
            expect.objectContaining({ code: 'invalid_signature' }),
          );
        },
      ),
    );
    expect(() => signer.verify('x'.repeat(1_000_000), 'relay')).toThrow(
      expect.objectContaining({ code: 'invalid_signature' }),
    );
  });

  it('refuses a short key', () =>
    expect(() => createUrlSigner(randomBytes(16))).toThrow(RangeError));
});
