import { z } from 'zod';
import { defineDriver } from '../../driver.ts';
import { create } from '../create.ts';
import { s3Group } from '../group.ts';
import { commonSettings, regionName } from '../settings.ts';

const settings = z.strictObject({
  endpoint: z
    .url({ protocol: /^https?$/ })
    .describe('Address of the MinIO server, such as https://minio.example.com:9000.'),
  region: regionName.default('us-east-1').describe('Region the server is configured with.'),
  ...commonSettings.shape,
});

/** MinIO: the bucket in the path, since few servers have a domain for buckets. */
export const minioDriver = defineDriver({
  type: 'minio',
  group: s3Group,
  settings,
  create: (own) => create({ ...own, pathStyle: true, checksums: 'WHEN_REQUIRED' }),
});
