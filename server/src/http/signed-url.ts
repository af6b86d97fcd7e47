import { createHmac, timingSafeEqual } from 'node:crypto';
import { fail } from '../core/errors.ts';

/** What a signed URL allows its holder. */
export interface UrlClaims {
  /** Id of the object that the URL is about. */
  readonly id: string;
  /** The permitted action. A token for one purpose is void for any other. */
  readonly purpose: string;
  /**
   * Milliseconds since the epoch. The caller checks it, because a transfer that began in time may
   * finish.
   */
  readonly expiresAt: number;
  readonly maxBytes?: number | undefined;
  readonly contentType?: string | undefined;
}

export interface UrlSigner {
  /**
   * Contains only `A-Za-z0-9_.-`, so it fits a path segment or a query. Keep it secret: it grants
   * what it states.
   */
  sign(claims: UrlClaims): string;
  /**
   * The claims as signed for this purpose. Throws `invalid_signature` for anything wrong with the
   * token.
   */
  verify(token: string, purpose: string): UrlClaims;
}

const currentVersion = 'v1';
const maxTokenLength = 8192;

/** `key`: at least 32 secret bytes, the same on every node. HMAC-SHA256. */
export function createUrlSigner(key: Uint8Array): UrlSigner {
  if (key.length < 32) {
    throw new RangeError('The signing key needs at least 32 bytes.');
  }
  const mac = (payload: string) =>
    createHmac('sha256', key).update(`stowage-url.${currentVersion}.${payload}`).digest();

  return {
    sign({ id, purpose, expiresAt, maxBytes, contentType }) {
      const claims = [purpose, id, expiresAt, maxBytes ?? null, contentType ?? null];
      const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
      return `${currentVersion}.${payload}.${mac(payload).toString('base64url')}`;
    },

    verify(token, purpose) {
      const [version, payload = '', signature = '', ...rest] =
        token.length > maxTokenLength ? [] : token.split('.');
      const given = Buffer.from(signature, 'base64url');
      const expected = mac(payload);
      const isSigned = given.length === expected.length && timingSafeEqual(given, expected);
      // A token has one spelling only. Base64 decoders ignore foreign characters and spare bits.
      const isCanonical =
        version === currentVersion &&
        rest.length === 0 &&
        signature === expected.toString('base64url');
      if (!isSigned || !isCanonical) {
        throw fail('invalid_signature');
      }
      return claimsOf(payload, purpose);
    },
  };
}

type Signed = readonly [
  purpose: string,
  id: string,
  expiresAt: number,
  maxBytes: number | null,
  contentType: string | null,
];

/** The payload is signed, so its shape is known. */
function claimsOf(payload: string, wantedPurpose: string): UrlClaims {
  const [purpose, id, expiresAt, maxBytes, contentType]: Signed = JSON.parse(
    Buffer.from(payload, 'base64url').toString(),
  );
  if (purpose !== wantedPurpose) {
    throw fail('invalid_signature');
  }
  return {
    id,
    purpose,
    expiresAt,
    maxBytes: maxBytes ?? undefined,
    contentType: contentType ?? undefined,
  };
}
