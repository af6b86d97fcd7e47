import type { ReplayableBody } from '../../core/bytes.ts';
import type { Channel, PutOptions, PutResult } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import { createKeyedMutex } from '../../core/guard/keyed-mutex.ts';
import { createBufferPool } from './buffer-pool.ts';
import { checkBucket } from './check.ts';
import { type Bucket, openBucket } from './client/client.ts';
import { inspectCors } from './cors.ts';
import { createMultipart } from './multipart.ts';
import { deleteObject, getObject } from './objects.ts';
import { maxBytesOf, planParts } from './plan-parts.ts';
import { createPresign } from './presign.ts';
import { putObject } from './put-object.ts';
import { putParts } from './put-parts.ts';
import { keyOfRef } from './ref.ts';
import type { S3Settings } from './settings.ts';

/** Known sizes up to here go out as one PUT without a buffer; more in parallel parts. */
const singlePutBytes = 64 * 2 ** 20;

export function createS3Channel(settings: S3Settings): Channel {
  const bucket = openBucket(settings);
  const put = createPut(bucket);
  // Core abandons a call and tries again without waiting for it to end: what the first one clears
  // up must not be what the second one stores.
  const puts = createKeyedMutex();
  return {
    limits: { maxBytes: maxBytesOf(settings) },
    remote: true,
    put: (source, options) => puts.run(options.key, () => put(source, options), options.signal),
    get: async (ref, options) => getObject(bucket, keyOfRef(ref), options),
    delete: async (ref, { signal }) => deleteObject(bucket, keyOfRef(ref), signal),
    check: (options) => checkBucket(bucket, options),
    locate: (key) => ({ key: bucket.keyOf(key) }),
    multipart: createMultipart(bucket),
    presign: createPresign(bucket),
    url: (ref) => publicUrl(settings.publicUrl, keyOfRef(ref)),
    inspect: async (options) => [await inspectCors(bucket, options)],
    close: () => bucket.close(),
  };
}

function createPut(bucket: Bucket): Channel['put'] {
  const { settings } = bucket;
  const shared = createBufferPool(settings.partSizeBytes, 2 * settings.concurrency);
  const maxBytes = maxBytesOf(settings);
  return async (body: ReplayableBody, options: PutOptions): Promise<PutResult> => {
    const { size } = body;
    if (size !== undefined && size > maxBytes) {
      throw fail('too_large', { details: { maxBytes } });
    }
    if (size !== undefined && size <= singlePutBytes) {
      return putObject(bucket, { ...body, size }, options);
    }
    const { partSizeBytes, buffers } = planParts(settings, size);
    const pool =
      partSizeBytes === shared.sizeBytes ? shared : createBufferPool(partSizeBytes, buffers);
    return putParts(bucket, body, { ...options, pool, buffers });
  };
}

function publicUrl(base: string | undefined, key: string): string | undefined {
  if (base === undefined) {
    return undefined;
  }
  return `${base.replace(/\/+$/, '')}/${key.split('/').map(encodeURIComponent).join('/')}`;
}
