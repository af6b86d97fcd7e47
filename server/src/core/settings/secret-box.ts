import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { fail } from '../errors.ts';

/** A secret as it is stored: AES-256-GCM, with the id of its key. */
export interface SealedSecret {
  readonly v: 1;
  readonly kid: string;
  /** Base64, as `tag` and `data`. */
  readonly iv: string;
  readonly tag: string;
  readonly data: string;
}

export interface SecretBox {
  /** Id of the key. Two keys have different ones; it reveals nothing about the key. */
  readonly kid: string;
  /** `place` is where the secret is kept. It opens nowhere else. */
  seal(text: string, place: string): SealedSecret;
  /**
   * Fails with `service_unavailable` for a secret that was sealed with another key or for another
   * place, or that was changed.
   */
  open(sealed: SealedSecret, place: string): string;
}

const ivBytes = 12;
const tagBytes = 16;

const sealedSecret = z.strictObject({
  v: z.literal(1),
  kid: z.string(),
  iv: z.string(),
  tag: z.string(),
  data: z.string(),
});

export function isSealed(value: unknown): value is SealedSecret {
  return sealedSecret.safeParse(value).success;
}

/** Seals with a key that is derived from the server's secret key. */
export function createSecretBox(secretKey: Uint8Array): SecretBox {
  const key = derive(secretKey, 'stowage stored secrets', 32);
  const kid = derive(secretKey, 'stowage id of the key of stored secrets', 8).toString('hex');
  return {
    kid,
    seal(text, place) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes });
      cipher.setAAD(Buffer.from(place, 'utf8'));
      const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return {
        v: 1,
        kid,
        iv: iv.toString('base64'),
        tag: cipher.getAuthTag().toString('base64'),
        data: data.toString('base64'),
      };
    },
    open(sealed, place) {
      if (sealed.kid !== kid) {
        throw fail('service_unavailable', {
          message: `The stored secret of ${place} was encrypted with another key (${sealed.kid}) than the configured one (${kid}). Set the right STOWAGE_SECRET_KEY, or enter the secret again.`,
        });
      }
      try {
        return decrypt(sealed, key, place);
      } catch (cause) {
        throw fail('service_unavailable', {
          message: `The stored secret of ${place} was changed in the database. Enter it again.`,
          cause,
        });
      }
    },
  };
}

function decrypt({ iv, tag, data }: SealedSecret, key: Uint8Array, place: string): string {
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64'), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(Buffer.from(place, 'utf8'));
  decipher.setAuthTag(Buffer.from(tag, 'base64'));
  return Buffer.concat([decipher.update(Buffer.from(data, 'base64')), decipher.final()]).toString(
    'utf8',
  );
}

function derive(secretKey: Uint8Array, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secretKey, '', purpose, bytes));
}
