import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { addressOf } from './address.ts';

const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: 'test-secret' };

/**
 * Where the SDK finds a bucket. In a host name it lets a slash at the end of the endpoint stand
 * beside its own; such paths are not wanted.
 */
async function locate(bucket: string, config: ConstructorParameters<typeof S3Client>[0]) {
  const client = new S3Client({ ...config, credentials });
  const url = new URL(await getSignedUrl(client, new HeadBucketCommand({ Bucket: bucket })));
  const [, , region] = url.searchParams.get('X-Amz-Credential')?.split('/') ?? [];
  return { origin: url.origin, host: url.host, path: url.pathname.replace(/\/+$/, ''), region };
}

const buckets = fc.oneof(
  fc.constantFrom(
    'photos',
    'my.photos',
    'abc.def.ghi',
    'a-b',
    'Photos',
    'my_photos',
    'x1',
    'a..b',
    'ab.c',
    'photos-',
    '127.0.0.1',
  ),
  fc.stringMatching(/^[a-z0-9][a-z0-9.-]{1,70}$/),
  fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{1,30}$/),
);
const endpoints = fc.constantFrom(
  undefined,
  'https://s3.example.com',
  'https://s3.example.com/',
  'https://s3.example.com:9443/store/',
  'https://s3.example.com/a/b',
  'http://minio:9000',
  'http://127.0.0.1:9000',
  'http://localhost',
  'https://[::1]:9000',
  'https://s3.eu-west-1.amazonaws.com',
);
const regions = fc.constantFrom(
  ...[
    'us-east-1',
    'eu-central-1',
    'aws-global',
    'auto',
    'cn-north-1',
    'us-gov-west-1',
    'us-iso-east-1',
    'us-isob-east-1',
  ],
  ...['eu-isoe-west-1', 'us-isof-south-1', 'eusc-de-east-1', 'ap-southeast-7', 'default'],
);

it('finds a bucket where the SDK does', async () => {
  await fc.assert(
    fc.asyncProperty(
      buckets,
      endpoints,
      regions,
      fc.option(fc.boolean(), { nil: undefined }),
      async (bucket, endpoint, region, pathStyle) => {
        // The SDK takes other calls for these names, and settings refuse them.
        fc.pre(!/--x-s3$|--xa-s3$|--op-s3$/.test(bucket));
        // Amazon's own name for a place that only Amazon has.
        fc.pre(endpoint === undefined || region !== 'aws-global');
        const forcePathStyle = pathStyle ?? endpoint !== undefined;
        // The SDK would put such a name in front of an IP address.
        fc.pre(forcePathStyle || !bucket.includes('.') || !/127\.0\.0\.1/.test(endpoint ?? ''));
        const expected = await locate(bucket, {
          region,
          forcePathStyle,
          ...(endpoint !== undefined && { endpoint }),
        });
        expect(addressOf({ bucket, endpoint, region, pathStyle })).toEqual(expected);
      },
    ),
    { numRuns: 300 },
  );
});
