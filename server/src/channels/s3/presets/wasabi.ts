import { z } from 'zod';
import { defineDriver } from '../../driver.ts';
import { create } from '../create.ts';
import { s3Group } from '../group.ts';
import { commonSettings } from '../settings.ts';

const settings = z.strictObject({
  region: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'must be a region such as eu-central-1')
    .default('us-east-1')
    .describe('Region of the bucket, such as eu-central-1.'),
  ...commonSettings.shape,
});

/** Wasabi. Deleted objects are billed for their minimum storage time. */
export const wasabiDriver = defineDriver({
  type: 'wasabi',
  group: s3Group,
  settings,
  create: (own) =>
    create({
      ...own,
      endpoint: `https://s3.${own.region}.wasabisys.com`,
      pathStyle: true,
      checksums: 'WHEN_REQUIRED',
    }),
});
