import { z } from 'zod';
import { named } from '../../openapi/named.ts';
import { json, route } from '../../route.ts';
import { fixedChannel, holdsFiles, noSuchChannel } from './managed-channel.ts';

const deletedChannel = named('DeletedChannel', () =>
  z.strictObject({ success: z.literal(true), id: z.string() }),
);

export const deleteChannel = route({
  id: 'deleteChannel',
  method: 'DELETE',
  path: '/api/manage/channels/:id',
  permission: 'manage',
  tag: 'Management',
  summary: 'Remove a channel',
  description: 'Refused while it holds files, or while unfinished uploads need it.',
  request: { params: () => z.object({ id: z.string() }) },
  answers: {
    200: {
      description: 'It is removed.',
      content: json(deletedChannel, {
        removed: { value: { success: true, id: '019a0c3e-7d1c-7c55-8a6f-0a1b2c3d4e5f' } },
      }),
    },
  },
  failures: [noSuchChannel, fixedChannel, holdsFiles],
  async handler({ request, reply, deps }) {
    const { id } = request.params as { id: string };
    await deps.channelAdmin.remove(id);
    return reply.send({ success: true, id });
  },
});
