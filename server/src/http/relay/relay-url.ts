import type { Upload } from '../../core/metadata.ts';
import type { PresignedDetails } from '../../core/uploads/presigned/presigned-details.ts';
import type { HttpDeps } from '../deps.ts';

export const relayPurpose = 'relay';

/**
 * The path of an upload address: the signature in it is the only credential, so it is never logged.
 */
export function relayUrl(
  { id }: Upload,
  details: PresignedDetails,
  { signer }: Pick<HttpDeps, 'signer'>,
): string {
  const { urlExpiresAt: expiresAt, maxBytes, contentType } = details;
  return `/relay/${id}?sig=${signer.sign({ id, purpose: relayPurpose, expiresAt, maxBytes, contentType })}`;
}
