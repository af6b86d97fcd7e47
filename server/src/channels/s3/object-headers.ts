import { crc32 } from 'node:zlib';
import type { PutObjectCommand, StorageClass, UploadPartCommand } from '@aws-sdk/client-s3';
import type { Bucket } from './client.ts';

/** Name of the metadata entry (`x-amz-meta-...`) by which a call recognises the object it stored. */
export const attemptEntry = 'stowage-attempt';

/** What goes with every new object, however it is uploaded. */
export function objectInput(bucket: Bucket, key: string, contentType: string) {
  const { storageClass, serverSideEncryption } = bucket.settings;
  return {
    Bucket: bucket.name,
    Key: key,
    ContentType: headerSafe(contentType),
    ...(storageClass !== undefined && { StorageClass: storageClass as StorageClass }),
    ...(serverSideEncryption !== undefined && { ServerSideEncryption: serverSideEncryption }),
  };
}

/** The content type as a header may carry it; what is none becomes that of plain bytes. */
export function headerSafe(contentType: string): string {
  return /^[\w.+-]+\/[\w.+-]+(\s*;[\x20-\x7e]*)?$/.test(contentType) && contentType.length <= 255
    ? contentType
    : 'application/octet-stream';
}

/**
 * Sets the payload hash that is signed: a SHA-256 that is known already (the service then checks the body against it), otherwise none.
 * Without it the SDK hashes buffers on the main thread.
 */
export function setPayloadHash(command: PutObjectCommand | UploadPartCommand, sha256 = 'UNSIGNED-PAYLOAD'): void {
  const stack = command.middlewareStack as PutObjectCommand['middlewareStack'];
  stack.add(
    (next) => async (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      headers['x-amz-content-sha256'] ??= sha256;
      return next(args);
    },
    { step: 'build', priority: 'low', name: 'payloadHash' },
  );
}

/** The checksum of bytes in memory, for services that keep one. */
export function checksumOf(bucket: Bucket, bytes: Uint8Array): { readonly ChecksumCRC32: string } | undefined {
  if (!bucket.keepsChecksums) return undefined;
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return { ChecksumCRC32: sum.toString('base64') };
}

export function base64OfHex(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64');
}
