import { z } from 'zod';
import { jsonFailures } from '../../body/json-body.ts';
import { named } from '../../openapi/named.ts';
import { json, route } from '../../route.ts';
import { readAuthorizedJson } from '../read-authorized-json.ts';
import {
  changeOf,
  channelRequest,
  exampleChannel,
  managedChannel,
  notAChannel,
  presentChannel,
  takenName,
} from './managed-channel.ts';

export const channelAnswer = named('ManagedChannelAnswer', () =>
  z.strictObject({ success: z.literal(true), channel: managedChannel() }),
);

const wanted = {
  type: 's3',
  name: 'photos',
  settings: {
    endpoint: 'https://s3.example.com',
    bucket: 'photos',
    accessKeyId: 'AKIAEXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI',
  },
};

export const createChannel = route({
  id: 'createChannel',
  method: 'POST',
  path: '/api/manage/channels',
  permission: 'manage',
  tag: 'Management',
  summary: 'Create a channel',
  description:
    'Takes effect at once, without a restart, and on other nodes within about a second. A type and name that had a channel before gets its id, and the files that it holds.',
  request: {
    body: { required: true, content: json(channelRequest, { s3: { value: wanted } }) },
  },
  answers: {
    200: {
      description: 'The channel.',
      content: json(channelAnswer, { made: { value: { success: true, channel: exampleChannel } } }),
    },
  },
  failures: [...jsonFailures, notAChannel, takenName],
  async handler(context) {
    const { body } = await readAuthorizedJson(context, 'manage');
    const channel = await context.deps.channelAdmin.create(changeOf(body));
    return context.reply.send({ success: true, channel: presentChannel(channel) });
  },
});
