import type { PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Bucket } from './client.ts';

/** Signature version 4 allows no more than a week. */
const maxExpirySeconds = 7 * 24 * 3600;

interface Signing {
  readonly expiresInSeconds: number;
  /** Headers, in lower case, that the client must repeat exactly. */
  readonly signed: readonly string[];
  /** Those of them that stay headers instead of moving into the query. */
  readonly kept?: readonly string[];
}

/** A presigned address for the command. A wrong clock here was noticed and measured by the SDK in the answers it got. */
export function signUrl(
  bucket: Bucket,
  command: PutObjectCommand | UploadPartCommand,
  { expiresInSeconds, signed, kept = [] }: Signing,
): Promise<string> {
  // Its types know one command at a time.
  return getSignedUrl(bucket.signer, command as PutObjectCommand, {
    expiresIn: Math.min(expiresInSeconds, maxExpirySeconds),
    signingDate: new Date(Date.now() + bucket.client.config.systemClockOffset),
    signableHeaders: new Set(['host', ...signed]),
    unhoistableHeaders: new Set(kept),
  });
}
