import { z } from 'zod';
import { named } from '../openapi/named.ts';
import { queryOf } from '../query.ts';
import { json, route } from '../route.ts';
import { channelsPath } from './errors.ts';
import { authCode } from './parameters.ts';

const channel = () =>
  z.strictObject({
    name: z.string().meta({ description: 'For the parameter `channelName`.' }),
    type: z.string().meta({ description: 'As in the metadata of files, such as `S3`.' }),
  });
const channels = () => z.array(channel());

const channelsAnswer = named('ChannelsAnswer', () =>
  z
    .strictObject({
      telegram: channels(),
      cfr2: channels(),
      s3: channels(),
      discord: channels(),
      huggingface: channels(),
      webdav: channels(),
    })
    .catchall(channels())
    .meta({
      description:
        'Channels by group, for `uploadChannel`. The six groups are always there, others when they have channels.',
    }),
);

/** Upload API 4.1: these keys are always there. */
const groups = ['telegram', 'cfr2', 's3', 'discord', 'huggingface', 'webdav'] as const;

const example = {
  telegram: [],
  cfr2: [],
  discord: [],
  huggingface: [],
  webdav: [],
  s3: [{ name: 'main', type: 'S3' }],
  local: [{ name: 'local', type: 'Local' }],
};

export const getChannels = route({
  id: 'listChannels',
  method: 'GET',
  path: channelsPath,
  permission: 'any',
  tag: 'Upload',
  summary: 'Channels to upload to',
  description: 'The values that `uploadChannel` and `channelName` of an upload may have.',
  request: {
    query: () =>
      z.object({
        authCode: authCode(),
        includeDisabled: z
          .boolean()
          .optional()
          .meta({ description: '`true` also lists channels that take no uploads at the moment.' }),
      }),
  },
  answers: {
    200: {
      description: 'Channels by group.',
      headers: ['X-Request-Id'],
      content: json(channelsAnswer, { two: { value: example } }),
    },
  },
  async handler({ request, reply, deps }) {
    const all = queryOf(request.url).includeDisabled === 'true';
    const channels = all ? deps.pool.all() : await deps.pool.available();
    const answer = new Map<string, { name: string; type: string }[]>(
      groups.map((group) => [group, []]),
    );
    for (const { group, name, label } of channels) {
      answer.set(group, [...(answer.get(group) ?? []), { name, type: label }]);
    }
    return reply.header('cache-control', 'private, no-store').send(Object.fromEntries(answer));
  },
});
