import type { ByteSource } from '../../core/bytes.ts';
import type { CallOptions, Channel, PutOptions, PutResult, Ref } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import { createBufferPool } from './buffer-pool.ts';
import { checkBucket } from './check.ts';
import { type Bucket, openBucket } from './client.ts';
import { type CorsReport, ensureCors } from './cors.ts';
import { createMultipart, multipartLimits } from './multipart.ts';
import { copyObject, deleteObject, getObject } from './objects.ts';
import { createPresign } from './presign.ts';
import { putObject } from './put-object.ts';
import { putParts } from './put-parts.ts';
import { keyOfRef } from './ref.ts';
import type { S3Settings } from './settings.ts';

/** Known sizes up to here go out as one PUT without a buffer; more in parallel parts. */
const singlePutBytes = 64 * 2 ** 20;
const maxObjectBytes = 5 * 2 ** 40;

export interface S3Channel extends Channel {
  /** Copies an object of up to 5 GiB inside the bucket to the place of `key`. */
  copy(ref: Ref, options: CallOptions & { readonly key: string; readonly contentType: string }): Promise<Ref>;
  /** See `cors.ts`; for `doctor`. */
  ensureCors(origins: readonly string[], options: CallOptions): Promise<CorsReport>;
}

export function createS3Channel(settings: S3Settings): S3Channel {
  const bucket = openBucket(settings);
  return {
    limits: { maxBytes: maxBytes(settings) },
    remote: true,
    put: createPut(bucket),
    get: async (ref, options) => getObject(bucket, keyOfRef(ref), options),
    delete: async (ref, { signal }) => deleteObject(bucket, keyOfRef(ref), signal),
    check: (options) => checkBucket(bucket, options),
    locate: (key) => ({ key: bucket.keyOf(key) }),
    multipart: createMultipart(bucket),
    presign: createPresign(bucket),
    url: (ref) => publicUrl(settings.publicUrl, keyOfRef(ref)),
    async copy(ref, { key, contentType, signal }) {
      const to = bucket.keyOf(key);
      await copyObject(bucket, { from: keyOfRef(ref), to, contentType }, signal);
      return { key: to };
    },
    ensureCors: (origins, options) => ensureCors(bucket, origins, options),
    close: async () => bucket.close(),
  };
}

function maxBytes(settings: S3Settings): number {
  return Math.min(maxObjectBytes, multipartLimits.maxParts * settings.partSizeBytes * settings.concurrency);
}

function createPut(bucket: Bucket): Channel['put'] {
  const { partSizeBytes, concurrency } = bucket.settings;
  const shared = createBufferPool(partSizeBytes, 2 * concurrency);
  return async (source: ByteSource, options: PutOptions): Promise<PutResult> => {
    const { size } = options;
    if (size !== undefined && size > maxBytes(bucket.settings))
      throw fail('too_large', { details: { maxBytes: maxBytes(bucket.settings) } });
    if (size !== undefined && size <= singlePutBytes) return putObject(bucket, source, { ...options, size });
    // More than 10,000 parts: larger ones, and fewer at once, so that memory stays the same.
    const needed = Math.ceil((size ?? 0) / multipartLimits.maxParts);
    if (needed <= partSizeBytes) return putParts(bucket, source, { ...options, pool: shared, buffers: concurrency });
    const buffers = Math.max(1, Math.floor((partSizeBytes * concurrency) / needed));
    return putParts(bucket, source, { ...options, pool: createBufferPool(needed, buffers), buffers });
  };
}

function publicUrl(base: string | undefined, key: string): string | undefined {
  if (base === undefined) return undefined;
  return `${base.replace(/\/+$/, '')}/${key.split('/').map(encodeURIComponent).join('/')}`;
}
