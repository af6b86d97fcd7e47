import { z } from 'zod';
import { jsonFailures } from '../../body/json-body.ts';
import { type Failure, failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { json, route } from '../../route.ts';
import { readAuthorizedJson } from '../read-authorized-json.ts';

const channelOrder = named('ChannelOrder', () =>
  z.object({ ids: z.array(z.string()).meta({ description: 'The first is preferred.' }) }),
);

const orderedChannels = named('OrderedChannels', () =>
  z.strictObject({ success: z.literal(true), ids: z.array(z.string()) }),
);

const ids = ['019a0c3e-7d1c-7c55-8a6f-0a1b2c3d4e5f'];

const notAllIds: Failure = {
  code: 'validation_error',
  as: 'ids',
  message: 'ids must hold the id of every channel that is not fixed, each of them once.',
  details: { fields: ['ids'] },
};

export const orderChannels = route({
  id: 'orderChannels',
  method: 'PUT',
  path: '/api/manage/channels/order',
  permission: 'manage',
  tag: 'Management',
  summary: 'Order channels',
  description: 'Those of the configuration come first in any case.',
  request: {
    body: { required: true, content: json(channelOrder, { one: { value: { ids } } }) },
  },
  answers: {
    200: {
      description: 'The order.',
      content: json(orderedChannels, { one: { value: { success: true, ids } } }),
    },
  },
  failures: [...jsonFailures, notAllIds],
  async handler(context) {
    const { body } = await readAuthorizedJson(context, 'manage');
    const given = channelOrder().safeParse(body);
    if (!given.success) {
      throw failed(notAllIds);
    }
    await context.deps.channelAdmin.order(given.data.ids);
    return context.reply.send({ success: true, ids: given.data.ids });
  },
});
