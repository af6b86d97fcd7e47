import type { Caller } from '../../access/access.ts';
import type { ByteSource } from '../../bytes.ts';
import { fail } from '../../errors.ts';
import type { FileStore } from '../../metadata.ts';
import { type DigestService, sha256Of } from '../../streams/digests.ts';
import { tap } from '../../streams/tap.ts';

export interface Naming {
  readonly sha256: string;
  /** The channel that has the bytes, as the store reports. */
  readonly channelId: string;
  readonly caller: Caller;
}

/**
 * Whether the caller may have these bytes by naming their hash: by reading the library, or by
 * having brought them to this very store before. Elsewhere the caller may have brought others under
 * that hash: a store that is uploaded to directly does not always compute it.
 */
export async function mayClaimByHash(
  { sha256, channelId, caller }: Naming,
  files: Pick<FileStore, 'holdsSha256'>,
): Promise<boolean> {
  const { permissions, token } = caller;
  if (permissions.has('list')) {
    return true;
  }
  return token !== undefined && files.holdsSha256(sha256, { uploader: token.id, channelId });
}

export interface Claimed {
  readonly sha256: string;
  readonly size: number;
}

/**
 * Reads all of the bytes and keeps none. Fails with `checksum_mismatch` or `too_large` when they
 * are not the ones that were named.
 */
export async function proveBytes(
  source: ByteSource,
  { sha256, size }: Claimed,
  digests: DigestService,
): Promise<void> {
  if ((await sha256Of(tap(source, { maxBytes: size }), digests)) !== sha256) {
    throw fail('checksum_mismatch', {
      message: 'These are not the bytes with the SHA-256 that was announced.',
    });
  }
}
