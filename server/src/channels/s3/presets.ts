import { z } from 'zod';
import type { ChannelGroup } from '../../core/storage/channel-group.ts';
import { type Driver, defineDriver } from '../driver.ts';
import { create } from './create.ts';
import { s3Group } from './group.ts';
import { commonSettings, regionName, type S3Settings } from './settings.ts';

const r2Group: ChannelGroup = {
  name: 'cfr2',
  label: 'CloudflareR2',
  fallbackRank: 1,
  takesChunks: true,
};

// All parts of a multipart upload but the last must have one size, which ours have.
const r2 = {
  group: r2Group,
  own: {
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
  },
  place: (own: R2Place) => ({ endpoint: r2Endpoint(own), region: 'auto', pathStyle: true }),
};

/** Services of the family that need only be named, not described. */
export const presetDrivers: readonly Driver[] = [
  preset({
    // The key must be an application key: the master key does not work with the S3 API.
    type: 'b2',
    own: {
      region: z
        .string()
        .regex(/^[a-z]+-[a-z]+-\d{3}$/, 'must be a region such as us-west-004')
        .describe(
          'Region of the bucket as its endpoint shows it, such as us-west-004 in s3.us-west-004.backblazeb2.com.',
        ),
    },
    place: ({ region }) => ({
      endpoint: `https://s3.${region}.backblazeb2.com`,
      region,
      pathStyle: false,
    }),
  }),
  // The name that the Upload API gives the channel.
  preset({ type: 'cfr2', ...r2 }),
  preset({
    type: 'minio',
    own: {
      endpoint: z
        .url({ protocol: /^https?$/ })
        .describe('Address of the MinIO server, such as https://minio.example.com:9000.'),
      region: regionName.default('us-east-1').describe('Region the server is configured with.'),
    },
    // Few servers have a domain for buckets.
    place: ({ endpoint, region }) => ({ endpoint, region, pathStyle: true }),
  }),
  preset({ type: 'r2', ...r2 }),
  preset({
    type: 'spaces',
    own: {
      region: z
        .string()
        .regex(/^[a-z]{3}\d$/, 'must be a datacentre such as fra1')
        .describe('Datacentre of the Space, such as fra1.'),
    },
    // Requests are signed for us-east-1 everywhere.
    place: ({ region }) => ({
      endpoint: `https://${region}.digitaloceanspaces.com`,
      region: 'us-east-1',
      pathStyle: false,
    }),
  }),
  preset({
    // Deleted objects are billed for their minimum storage time.
    type: 'wasabi',
    own: {
      region: z
        .string()
        .regex(/^[a-z0-9-]+$/, 'must be a region such as eu-central-1')
        .default('us-east-1')
        .describe('Region of the bucket, such as eu-central-1.'),
    },
    place: ({ region }) => ({
      endpoint: `https://s3.${region}.wasabisys.com`,
      region,
      pathStyle: true,
    }),
  }),
];

interface R2Place {
  readonly accountId: string;
  readonly endpoint?: string | undefined;
  readonly jurisdiction?: string | undefined;
}

function r2Endpoint({ accountId, endpoint, jurisdiction }: R2Place): string {
  const account = jurisdiction === undefined ? accountId : `${accountId}.${jurisdiction}`;
  return endpoint ?? `https://${account}.r2.cloudflarestorage.com`;
}

interface Preset<Own extends z.ZodRawShape> {
  readonly type: string;
  readonly group?: ChannelGroup;
  /** The settings that name the service; the others are those of the family. */
  readonly own: Own;
  place(own: z.output<z.ZodObject<Own>>): Pick<S3Settings, 'endpoint' | 'region' | 'pathStyle'>;
}

function preset<Own extends z.ZodRawShape>(service: Preset<Own>): Driver {
  const { type, group = s3Group, own, place } = service;
  type Settings = z.output<typeof commonSettings> & z.output<z.ZodObject<Own>>;
  const settings: unknown = z.strictObject({ ...own, ...commonSettings.shape });
  return defineDriver({
    type,
    group,
    settings: settings as z.ZodType<Settings>,
    // B2 refuses checksum headers and trailers; the others do without.
    create: (given) => create({ ...given, ...place(given), checksums: 'WHEN_REQUIRED' }),
  });
}
