import type { Presign, PresignedUpload, PresignOptions } from '../../core/channel.ts';
import type { Bucket } from './client/client.ts';
import { objectHeaders } from './client/object-headers.ts';
import { base64OfHex } from './client/payload.ts';
import { copyObject, deleteObject, peekObject } from './objects.ts';
import { keyOfRef } from './ref.ts';

/** Largest object that one PUT may bring. */
const maxPutBytes = 5 * 2 ** 30;
/** The type of most pictures shows in so many bytes. */
const peekBytes = 32 * 1024;

/** Uploads by presigned PUT. The address cannot be revoked: it works until it expires. */
export function createPresign(bucket: Bucket): Presign {
  return {
    start: (options) => presignPut(bucket, options),
    async head(state, { signal }) {
      const key = keyOfRef(state);
      const arrival = await peekObject(bucket, key, { bytes: peekBytes, signal });
      if (arrival === undefined) {
        return undefined;
      }
      const { size, contentType, etag, start } = arrival;
      return {
        ref: { key },
        size,
        start,
        contentType,
        version: etag,
      };
    },
    async finish(arrival, { key, contentType, signal }) {
      const to = bucket.keyOf(key);
      await copyObject(
        bucket,
        { from: keyOfRef(arrival.ref), to, contentType, ifMatch: arrival.version },
        signal,
      );
      return { ref: { key: to }, size: arrival.size };
    },
    abort: async (state, { signal }) => deleteObject(bucket, keyOfRef(state), signal),
  };
}

async function presignPut(
  bucket: Bucket,
  options: PresignOptions,
): Promise<PresignedUpload | undefined> {
  const { contentType, sha256, size, expiresInSeconds } = options;
  if (size !== undefined && size > maxPutBytes) {
    return undefined;
  }
  const key = bucket.keyOf(options.key);
  const { 'content-type': type, ...rest } = objectHeaders(bucket, contentType);
  const checksum =
    bucket.keepsChecksums && sha256 !== undefined
      ? { 'x-amz-checksum-sha256': base64OfHex(sha256) }
      : undefined;
  const url = bucket.signUrl({
    key,
    headers: {
      'content-type': type as string,
      ...checksum,
      ...rest,
      // Every client sends the length on its own and browsers forbid to set it: it is signed, but
      // not listed.
      'content-length': size?.toString(),
    },
    expiresInSeconds,
  });
  return {
    method: 'PUT',
    url,
    headers: { 'Content-Type': type as string, ...checksum, ...rest },
    state: { key },
  };
}
