import { z } from 'zod';
import { named } from '../../openapi/named.ts';
import { json, route } from '../../route.ts';
import { exampleChannel, managedChannel, presentChannel } from './managed-channel.ts';

const managedChannels = named('ManagedChannels', () =>
  z.strictObject({ success: z.literal(true), channels: z.array(managedChannel()) }),
);

export const listManagedChannels = route({
  id: 'listManagedChannels',
  method: 'GET',
  path: '/api/manage/channels',
  permission: 'manage',
  tag: 'Management',
  summary: 'List channels with their settings',
  description:
    'Those of the configuration first, then the others in their order. Secrets appear by name only.',
  answers: {
    200: {
      description: 'All channels.',
      content: json(managedChannels, {
        one: { value: { success: true, channels: [exampleChannel] } },
      }),
    },
  },
  async handler({ reply, deps }) {
    const channels = await deps.channelAdmin.list();
    return reply.send({ success: true, channels: channels.map(presentChannel) });
  },
});
