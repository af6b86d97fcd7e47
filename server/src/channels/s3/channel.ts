import type { Channel } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import { createKeyedMutex } from '../../core/guard/keyed-mutex.ts';
import { checkBucket } from './check.ts';
import { type Bucket, openBucket } from './client/client.ts';
import { inspectCors } from './cors.ts';
import { createMultipart } from './multipart.ts';
import { deleteObject, getObject } from './objects.ts';
import { createPresign } from './presign.ts';
import { putObject } from './put-object.ts';
import { keyOfRef } from './ref.ts';
import type { S3Settings } from './settings.ts';

const maxObjectBytes = 5 * 2 ** 40;

export function createS3Channel(settings: S3Settings): Channel {
  const bucket = openBucket(settings);
  const put = createPut(bucket);
  // Core abandons a call and tries again without waiting for it to end: what the first one clears
  // up must not be what the second one stores.
  const puts = createKeyedMutex();
  return {
    limits: { maxBytes: maxObjectBytes },
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
  return async ({ size, ...body }, options) => {
    if (size === undefined) {
      throw fail('internal_error', { message: 'S3 takes bodies of a known size.' });
    }
    if (size > maxObjectBytes) {
      throw fail('too_large', { details: { maxBytes: maxObjectBytes } });
    }
    return putObject(bucket, { ...body, size }, options);
  };
}

function publicUrl(base: string | undefined, key: string): string | undefined {
  if (base === undefined) {
    return undefined;
  }
  return `${base.replace(/\/+$/, '')}/${key.split('/').map(encodeURIComponent).join('/')}`;
}
