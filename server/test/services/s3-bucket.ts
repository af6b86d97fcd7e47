import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { s3Driver } from '../../src/channels/s3/index.ts';
import { type S3Settings, s3Settings } from '../../src/channels/s3/settings.ts';
import { createProber } from '../../src/images/prober.ts';
import type { S3Service } from './s3.ts';

/** Complete settings for a channel that talks to a double. */
export function testSettings(settings: Readonly<Record<string, unknown>>): S3Settings {
  return s3Settings.parse({
    bucket: 'photos',
    accessKeyId: 'AKIATEST',
    secretAccessKey: 'test-secret',
    prefix: 'media',
    ...settings,
  });
}

/** A new bucket on a test server with a channel on it. */
export async function openTestBucket(
  service: S3Service,
  settings: Readonly<Record<string, unknown>> = {},
) {
  const bucket = `test-${randomUUID()}`;
  await service.createBucket(bucket);
  const { endpoint, region, accessKeyId, secretAccessKey } = service;
  const own = {
    endpoint,
    region,
    bucket,
    accessKeyId,
    secretAccessKey,
    prefix: 'media',
    ...settings,
  };
  const channel = await s3Driver.create(own, { dataDir: tmpdir(), prober: createProber() });
  const client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
  });
  return {
    channel,
    bucket,
    /** Objects and unfinished multipart uploads. */
    async objects(): Promise<number> {
      const objects = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
      const uploads = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return (objects.KeyCount ?? 0) + (uploads.Uploads?.length ?? 0);
    },
    destroy: () => client.destroy(),
  };
}
