import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { Presign, PresignedUpload, PresignOptions } from '../../core/channel.ts';
import type { Bucket } from './client.ts';
import { base64OfHex, headerSafe, objectInput } from './object-headers.ts';
import { copyObject, deleteObject, headObject } from './objects.ts';
import { keyOfRef } from './ref.ts';
import { signUrl } from './sign-url.ts';

/** Largest object that one PUT may bring. */
const maxPutBytes = 5 * 2 ** 30;

/** Uploads by presigned PUT. The address cannot be revoked: it works until it expires. */
export function createPresign(bucket: Bucket): Presign {
  return {
    provider: 'r2',
    start: (options) => presignPut(bucket, options),
    async head(state, { signal }) {
      const key = keyOfRef(state);
      const head = await headObject(bucket, key, signal);
      if (head === undefined) return undefined;
      const { size, contentType, etag } = head;
      return {
        ref: { key },
        size,
        ...(contentType !== undefined && { contentType }),
        ...(etag !== undefined && { version: etag }),
      };
    },
    async finish(arrival, { key, contentType, signal }) {
      const to = bucket.keyOf(key);
      await copyObject(bucket, { from: keyOfRef(arrival.ref), to, contentType, ifMatch: arrival.version }, signal);
      return { ref: { key: to }, size: arrival.size };
    },
    abort: async (state, { signal }) => deleteObject(bucket, keyOfRef(state), signal),
  };
}

async function presignPut(bucket: Bucket, options: PresignOptions): Promise<PresignedUpload | undefined> {
  if (options.size !== undefined && options.size > maxPutBytes) return undefined;
  const key = bucket.keyOf(options.key);
  const headers = signedHeaders(bucket, options);
  const command = new PutObjectCommand({
    ...objectInput(bucket, key, options.contentType),
    ...(options.size !== undefined && { ContentLength: options.size }),
    ...(headers['x-amz-checksum-sha256'] !== undefined && { ChecksumSHA256: headers['x-amz-checksum-sha256'] }),
  });
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  const url = await signUrl(bucket, command, {
    expiresInSeconds: options.expiresInSeconds,
    signed: ['content-length', ...names],
    kept: names,
  });
  return { method: 'PUT', url, headers, state: { key } };
}

/**
 * The length is signed too where it is known, but every client sends that header on its own and browsers forbid to set it: it is not listed.
 */
function signedHeaders(bucket: Bucket, { contentType, sha256 }: PresignOptions): Record<string, string> {
  const { storageClass, serverSideEncryption } = bucket.settings;
  return {
    'Content-Type': headerSafe(contentType),
    ...(bucket.keepsChecksums && sha256 !== undefined && { 'x-amz-checksum-sha256': base64OfHex(sha256) }),
    ...(storageClass !== undefined && { 'x-amz-storage-class': storageClass }),
    ...(serverSideEncryption !== undefined && { 'x-amz-server-side-encryption': serverSideEncryption }),
  };
}
