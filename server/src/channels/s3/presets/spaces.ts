import { z } from 'zod';
import { defineDriver } from '../../driver.ts';
import { create } from '../create.ts';
import { s3Group } from '../group.ts';
import { commonSettings } from '../settings.ts';

const settings = z.strictObject({
  region: z
    .string()
    .regex(/^[a-z]{3}\d$/, 'must be a datacentre such as fra1')
    .describe('Datacentre of the Space, such as fra1.'),
  ...commonSettings.shape,
});

/** DigitalOcean Spaces. The region is in the address; requests are signed for us-east-1. */
export const spacesDriver = defineDriver({
  type: 'spaces',
  group: s3Group,
  settings,
  create: ({ region, ...own }) =>
    create({
      ...own,
      region: 'us-east-1',
      endpoint: `https://${region}.digitaloceanspaces.com`,
      pathStyle: false,
      checksums: 'WHEN_REQUIRED',
    }),
});
