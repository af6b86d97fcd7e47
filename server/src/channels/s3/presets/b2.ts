import { z } from 'zod';
import { defineDriver } from '../../driver.ts';
import { create } from '../create.ts';
import { s3Group } from '../group.ts';
import { commonSettings } from '../settings.ts';

const settings = z.strictObject({
  region: z
    .string()
    .regex(/^[a-z]+-[a-z]+-\d{3}$/, 'must be a region such as us-west-004')
    .describe(
      'Region of the bucket as its endpoint shows it, such as us-west-004 in s3.us-west-004.backblazeb2.com.',
    ),
  ...commonSettings.shape,
});

/**
 * Backblaze B2. The key must be an application key; the master key does not work with the S3 API.
 */
export const b2Driver = defineDriver({
  type: 'b2',
  group: s3Group,
  settings,
  create: (own) =>
    create({
      ...own,
      endpoint: `https://s3.${own.region}.backblazeb2.com`,
      pathStyle: false,
      // B2 refuses checksum headers and trailers.
      checksums: 'WHEN_REQUIRED',
    }),
});
