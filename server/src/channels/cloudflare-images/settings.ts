import { z } from 'zod';
import { secret } from '../driver.ts';

/** Cloudflare documents 10 MB; the smaller reading of it is safe. */
export const maxImageBytes = 10_000_000;

const baseUrl = z.url({ protocol: /^https?$/ });

export const cloudflareImagesSettings = z.strictObject({
  accountId: z
    .string()
    .regex(/^[\w-]+$/, 'must be letters, digits, dashes and underscores')
    .describe('Account id, as the dashboard shows it.'),
  apiToken: secret('API token with the permission Cloudflare Images: Edit.'),
  deliveryHash: z
    .string()
    .regex(/^[\w-]+$/, 'must be letters, digits, dashes and underscores')
    .optional()
    .describe('Account hash of delivery addresses; without it there are no public addresses.'),
  variant: z
    .string()
    .regex(/^[\w=,.-]+$/, 'must be the name of a variant, or options such as w=400,fit=contain')
    .default('public')
    .describe('Variant of public addresses.'),
  requireSignedUrls: z
    .boolean()
    .default(false)
    .describe(
      'Store images so that delivery addresses need a signature. Such images get ids of Cloudflare instead of ours.',
    ),
  signingKey: secret(
    'Key that signs delivery addresses (Images, Keys in the dashboard).',
  ).optional(),
  signedUrlSeconds: z
    .int()
    .min(60)
    .default(86_400)
    .describe('How long a signed delivery address works.'),
  directUpload: z
    .enum(['auto', 'always'])
    .default('auto')
    .describe(
      'Which clients of the Media API upload straight to Cloudflare, which takes forms only: `auto` those that send `"direct": true`, `always` all. The others upload through Stowage, as a form or as raw bytes.',
    ),
  acceptHeic: z
    .boolean()
    .default(false)
    .describe(
      'Also send HEIC pictures there by direct upload; they take another channel otherwise.',
    ),
  apiBase: baseUrl.default('https://api.cloudflare.com/client/v4').describe('Address of the API.'),
  deliveryBase: baseUrl
    .default('https://imagedelivery.net')
    .describe(
      'Address images are delivered from; `https://example.com/cdn-cgi/imagedelivery` for a domain of your own.',
    ),
});

export type CloudflareImagesSettings = z.infer<typeof cloudflareImagesSettings>;
