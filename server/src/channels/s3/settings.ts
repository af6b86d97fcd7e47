import { z } from 'zod';
import { secret } from '../driver.ts';

const mebibyte = 1024 * 1024;

/** A region is part of Amazon's host names. */
export const regionName = z
  .string()
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/,
    'must be letters, digits and dashes, such as eu-central-1',
  );

/**
 * Settings that every service of the family has; presets add what names the service and leave the
 * rest as it is.
 */
export const commonSettings = z.strictObject({
  bucket: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$/,
      'must be 3 to 255 letters, digits, dots, dashes and underscores, with a letter or digit first',
    )
    .refine(
      (name) => !/--(x|xa|op)-s3$/.test(name),
      'must not be a directory bucket or one on Outposts',
    )
    .describe('Name of the bucket. It must exist.'),
  accessKeyId: secret('Access key id.'),
  secretAccessKey: secret('Secret access key.'),
  sessionToken: secret('Session token of temporary credentials.').optional(),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9._\-/]*$/, 'must be letters, digits, dots, dashes, underscores and slashes')
    .transform((prefix) => prefix.replace(/^\/+|\/+$/g, '').replace(/(.)$/, '$1/'))
    .default('')
    .describe('Folder in the bucket under which everything is stored.'),
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe(
      'Public address of the bucket (CDN or custom domain). Not used yet: links lead through Stowage.',
    ),
  storageClass: z
    .string()
    .min(1)
    .optional()
    .describe('Storage class of new objects, such as STANDARD_IA.'),
  serverSideEncryption: z
    .enum(['AES256', 'aws:kms', 'aws:kms:dsse'])
    .optional()
    .describe('Encryption at rest to ask for with every new object.'),
  userAgent: z
    .string()
    .min(1)
    .max(100)
    .default('stowage')
    .describe('User-Agent of requests to the service.'),
  partSizeBytes: z
    .int()
    .min(5 * mebibyte)
    .max(1024 * mebibyte)
    .default(8 * mebibyte)
    .describe(
      'Size of the parts of large uploads; larger where a file would have more than 10,000 of them.',
    ),
  concurrency: z
    .int()
    .min(1)
    .max(32)
    .default(4)
    .describe('Parts of one upload that are sent at once.'),
  manageCors: z
    .boolean()
    .default(false)
    .describe(
      'Let `stowage doctor --fix` write the CORS rules of the bucket that uploads from browsers need. Otherwise it only reports what is missing.',
    ),
});

/** A preset's settings with what only the general `s3` type lets one choose filled in. */
export type S3Settings = z.infer<typeof s3Settings>;

export const s3Settings = z.strictObject({
  endpoint: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Address of the service, such as https://s3.example.com. Absent means Amazon S3.'),
  region: regionName.default('us-east-1').describe('Region of the bucket.'),
  pathStyle: z
    .boolean()
    .optional()
    .describe(
      'Put the bucket into the path instead of the host name. Default: true with an endpoint, false for Amazon S3.',
    ),
  checksums: z
    .enum(['WHEN_REQUIRED', 'WHEN_SUPPORTED'])
    .optional()
    .describe(
      'Whether to send CRC checksums with every upload. Default: WHEN_SUPPORTED for Amazon S3, WHEN_REQUIRED elsewhere.',
    ),
  ...commonSettings.shape,
});

export function isAmazon(endpoint: string | undefined): boolean {
  return endpoint === undefined || /\.amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname);
}
