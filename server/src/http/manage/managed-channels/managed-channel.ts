import { z } from 'zod';
import type { ChannelChange, ManagedChannel } from '../../../core/settings/channel-admin.ts';
import type { Failure } from '../../failure.ts';
import { named } from '../../openapi/named.ts';

const quota = () =>
  z.strictObject({
    limitGB: z.number(),
    threshold: z.number().meta({ description: 'Percent of the limit. Default 95.' }),
  });
const pace = () =>
  z.strictObject({ perSecond: z.number().optional(), perMinute: z.number().optional() });

/** What a caller may send of a channel, and sees of it. */
const shared = () => ({
  name: z
    .string()
    .meta({ description: 'Name by which callers choose it; unique within the type.' }),
  enabled: z.boolean().meta({ description: 'Whether new files go there.' }),
  draining: z.boolean().meta({
    description:
      'Takes no new files, so that it can be removed once its files are deleted or moved.',
  }),
  weight: z.number().meta({ description: 'Share of the uploads under load balancing.' }),
  quota: quota().optional(),
  maxOperations: z.int().optional(),
  pace: pace().optional(),
  settings: z
    .record(z.string(), z.unknown())
    .meta({ description: 'Settings of the type, as in the configuration. Secrets are left out.' }),
});

export const managedChannel = named('ManagedChannel', () =>
  z.strictObject({
    id: z.string().meta({ description: 'Never changes: files point to it.' }),
    type: z.string(),
    group: z.string().meta({ description: 'Its `uploadChannel`.' }),
    fixed: z.boolean().meta({ description: 'Set in the configuration, and changed only there.' }),
    ...shared(),
    secrets: z.array(z.string()).meta({ description: 'Names of the secrets that are set.' }),
    problem: z.string().optional().meta({ description: 'Why it cannot be used at present.' }),
    usedBytes: z.number(),
    objects: z.number().meta({ description: 'Number of stored contents.' }),
  }),
);

export const channelRequest = named('ChannelRequest', () =>
  z.object({
    type: z.string().optional().meta({ description: 'Required for a new channel, then fixed.' }),
    ...z.object(shared()).partial().shape,
    settings: z.record(z.string(), z.unknown()).optional().meta({
      description:
        'Settings of the type, as in the configuration. An absent one keeps its value and so does an empty secret; null removes it.',
    }),
  }),
);

export const exampleChannel = {
  id: '019a0c3e-7d1c-7c55-8a6f-0a1b2c3d4e5f',
  type: 's3',
  name: 'photos',
  group: 's3',
  fixed: false,
  enabled: true,
  draining: false,
  weight: 1,
  settings: { endpoint: 'https://s3.example.com', bucket: 'photos' },
  secrets: ['accessKeyId', 'secretAccessKey'],
  usedBytes: 1_048_576,
  objects: 3,
};

export function presentChannel(channel: ManagedChannel) {
  const { id, type, name, group, enabled, draining, weight, quota: limits } = channel;
  return {
    id,
    type,
    name,
    group,
    fixed: channel.isFixed,
    enabled,
    draining,
    weight,
    quota: limits,
    maxOperations: channel.maxOperations,
    pace: channel.pace,
    settings: channel.settings,
    secrets: channel.secrets,
    problem: channel.problem,
    usedBytes: channel.usedBytes,
    objects: channel.objects,
  };
}

/** Unknown members count as common ones, which core refuses by name. */
export function changeOf(body: Readonly<Record<string, unknown>>): ChannelChange {
  const { id: _, type, draining, settings, ...common } = body;
  const isObject = typeof settings === 'object' && settings !== null && !Array.isArray(settings);
  return {
    type,
    draining,
    common: settings === undefined || isObject ? common : { ...common, settings },
    settings: isObject ? (settings as Readonly<Record<string, unknown>>) : {},
  };
}

export const notAChannel: Failure = {
  code: 'validation_error',
  as: 'channel',
  message: 'bucket is required: Name of the bucket. It must exist.',
  details: { fields: ['bucket'] },
};

export const noSuchChannel: Failure = { code: 'not_found', message: 'No such channel.' };

export const fixedChannel: Failure = {
  code: 'conflict',
  as: 'fixed',
  message: 'This channel is set in the configuration: change it there.',
};

export const takenName: Failure = {
  code: 'conflict',
  as: 'name',
  message: 'name: another channel of the type s3 is called "photos".',
};

export const holdsFiles: Failure = {
  code: 'conflict',
  as: 'files',
  message:
    'The channel "photos" holds 3 stored objects. Delete or move its files first; draining it keeps new ones out.',
  details: { files: 3 },
};
