import type { DirectTicket } from '../core/uploads/direct/direct-start.ts';
import type { UrlSigner } from './signed-url.ts';

export const directPurpose = 'direct';

/**
 * The path that takes the bytes of a direct upload whose store has them already; the signature in
 * it is the only credential.
 */
export function directUrl(
  { uploadId, expiresAt }: NonNullable<DirectTicket['proof']>,
  maxBytes: number,
  signer: UrlSigner,
): string {
  const sig = signer.sign({ id: uploadId, purpose: directPurpose, expiresAt, maxBytes });
  return `/relay/direct/${uploadId}?sig=${sig}`;
}
