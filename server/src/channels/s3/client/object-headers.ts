import { defined } from '../../shared/defined.ts';
import type { Bucket } from './client.ts';

/** The metadata entry by which a call recognises the object it stored. */
export const attemptHeader = 'x-amz-meta-stowage-attempt';

/** What goes with every new object, however it is uploaded. */
export function objectHeaders(bucket: Bucket, contentType: string): Record<string, string> {
  const { storageClass, serverSideEncryption } = bucket.settings;
  return defined({
    'content-type': headerSafe(contentType),
    'x-amz-storage-class': storageClass,
    'x-amz-server-side-encryption': serverSideEncryption,
  });
}

/** The content type as a header may carry it; what is none becomes that of plain bytes. */
function headerSafe(contentType: string): string {
  return /^[\w.+-]+\/[\w.+-]+(\s*;[\x20-\x7e]*)?$/.test(contentType) && contentType.length <= 255
    ? contentType
    : 'application/octet-stream';
}
