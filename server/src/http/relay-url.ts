import type { PresignedRow } from '../core/uploads/presigned/presigned-details.ts';
import type { UrlSigner } from './signed-url.ts';

export const relayPurpose = 'relay';

/**
 * The path of a presigned upload's address: the signature in it is the only credential, so it is
 * never logged.
 */
export function relayUrl({ upload: { id }, details }: PresignedRow, signer: UrlSigner): string {
  const { urlExpiresAt: expiresAt, maxBytes, contentType } = details;
  const sig = signer.sign({ id, purpose: relayPurpose, expiresAt, maxBytes, contentType });
  return `/relay/${id}?sig=${sig}`;
}
