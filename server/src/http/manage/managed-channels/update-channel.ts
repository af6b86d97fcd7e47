import { z } from 'zod';
import { jsonFailures } from '../../body/json-body.ts';
import { json, route } from '../../route.ts';
import { readAuthorizedJson } from '../read-authorized-json.ts';
import { channelAnswer } from './create-channel.ts';
import {
  changeOf,
  channelRequest,
  exampleChannel,
  fixedChannel,
  noSuchChannel,
  notAChannel,
  presentChannel,
  takenName,
} from './managed-channel.ts';

const drained = { success: true, channel: { ...exampleChannel, draining: true } };

export const updateChannel = route({
  id: 'updateChannel',
  method: 'PATCH',
  path: '/api/manage/channels/:id',
  permission: 'manage',
  tag: 'Management',
  summary: 'Change a channel',
  description:
    'What is absent stays. Transfers in progress end on the channel as it was when they began.',
  request: {
    params: () => z.object({ id: z.string() }),
    body: {
      required: true,
      content: json(channelRequest, { drain: { value: { draining: true } } }),
    },
  },
  answers: {
    200: {
      description: 'The channel.',
      content: json(channelAnswer, { drained: { value: drained } }),
    },
  },
  failures: [...jsonFailures, notAChannel, noSuchChannel, fixedChannel, takenName],
  async handler(context) {
    const { id } = context.request.params as { id: string };
    const { body } = await readAuthorizedJson(context, 'manage');
    const channel = await context.deps.channelAdmin.update(id, changeOf(body));
    return context.reply.send({ success: true, channel: presentChannel(channel) });
  },
});
