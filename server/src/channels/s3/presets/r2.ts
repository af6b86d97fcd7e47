import { z } from 'zod';
import type { ChannelGroup } from '../../../core/storage/channel-group.ts';
import type { Driver } from '../../driver.ts';
import { defineDriver } from '../../driver.ts';
import { create } from '../create.ts';
import { commonSettings } from '../settings.ts';

const settings = z.strictObject({
  accountId: z
    .string()
    .regex(/^[0-9a-f]{32}$/, 'must be 32 digits and letters from a to f')
    .describe('Cloudflare account id, 32 hexadecimal digits; it is part of the endpoint.'),
  endpoint: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Address to reach the bucket at instead, such as a proxy of your own.'),
  jurisdiction: z
    .enum(['eu', 'fedramp'])
    .optional()
    .describe('Jurisdiction the bucket was made in, if any.'),
  ...commonSettings.shape,
});

const group: ChannelGroup = {
  name: 'cfr2',
  label: 'CloudflareR2',
  fallbackRank: 1,
  takesChunks: true,
};

function r2(type: 'r2' | 'cfr2'): Driver {
  return defineDriver({
    type,
    group,
    settings,
    create: ({ accountId, jurisdiction, endpoint, ...own }) =>
      create({
        ...own,
        endpoint:
          endpoint ??
          `https://${accountId}${jurisdiction === undefined ? '' : `.${jurisdiction}`}.r2.cloudflarestorage.com`,
        region: 'auto',
        pathStyle: true,
        checksums: 'WHEN_REQUIRED',
      }),
  });
}

/**
 * Cloudflare R2. All parts of a multipart upload but the last must have one size, which ours have.
 */
export const r2Driver = r2('r2');

/** The same under the name that the Upload API gives the channel. */
export const cfr2Driver = r2('cfr2');
