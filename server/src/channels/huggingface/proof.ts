import { fail, isStowageError, type StowageError } from '../../core/errors.ts';
import { sha256Of } from '../../core/streams/digests.ts';
import type { HttpResponse } from '../../outbound/http-client.ts';
import type { Repository } from './store.ts';
import type { LfsObject } from './wire.ts';

export interface Claim extends LfsObject {
  readonly path: string;
  /**
   * Another client brought the object: the hub names it by the hash its uploader claimed and never
   * computes it, so that one wrong upload would stand for everybody's file of that hash. Then the
   * bytes are read back, up to `readBackBytes`; else the size must do.
   */
  readonly foreign: boolean;
  readonly signal: AbortSignal;
}

const readBackBytes = 256 * 1024 * 1024;

/**
 * Rejects, and takes the file out of the repository again, when what the hub serves at the path is
 * not what was claimed.
 */
export async function proveStored(repository: Repository, claim: Claim): Promise<void> {
  const { path, signal } = claim;
  try {
    await (claim.foreign && claim.size <= readBackBytes
      ? proveBytes(repository, claim)
      : proveSize(repository, claim));
  } catch (error) {
    // Just committed, so it is the hub that lags behind.
    if (isStowageError(error, 'not_found')) {
      throw fail('channel_unavailable', { message: error.message, cause: error });
    }
    if (isStowageError(error, 'size_mismatch') || isStowageError(error, 'channel_refused')) {
      await repository.committer.apply({ kind: 'delete', path }, signal);
    }
    throw error;
  }
}

/** The size of a pointer is what the committer claimed; only the stored object has the true one. */
async function proveSize({ hub }: Repository, claim: Claim): Promise<void> {
  const { path, size, signal } = claim;
  const response = await hub.resolve(path, { range: { start: 0, end: 0 }, signal });
  const total = totalBytes(response);
  await response.discard();
  if (total !== size) {
    throw refusal(claim, `${total} bytes instead of ${size}`);
  }
}

async function proveBytes({ hub, digests }: Repository, claim: Claim): Promise<void> {
  const { path, oid, size, signal } = claim;
  const response = await hub.resolve(path, { signal });
  const total = totalBytes(response);
  if (total !== size) {
    await response.discard();
    throw refusal(claim, `${total} bytes instead of ${size}`);
  }
  if ((await sha256Of(response.stream, digests)) !== oid) {
    throw refusal(claim, `other bytes than its hash ${oid} says`);
  }
}

function totalBytes(response: HttpResponse): number {
  return Number(
    /\/(\d+)$/.exec(response.header('content-range') ?? '')?.[1] ??
      response.header('content-length'),
  );
}

/**
 * The caller is to blame for what it uploaded itself; for what others did this channel is simply no
 * use.
 */
function refusal({ foreign }: Claim, what: string): StowageError {
  return fail(foreign ? 'channel_refused' : 'size_mismatch', {
    message: `The file at Hugging Face has ${what}.`,
  });
}
