import { z } from 'zod';
import { testChannelSteps } from '../../core/storage/test-channel.ts';
import { failed } from '../failure.ts';
import { named } from '../openapi/named.ts';
import { json, route } from '../route.ts';

const testChannelAnswer = named('TestChannelAnswer', () =>
  z.strictObject({
    success: z.boolean(),
    channel: z.strictObject({ id: z.string(), type: z.string(), name: z.string() }),
    steps: z
      .array(
        z.strictObject({
          step: z.enum(['check', 'put', 'get', 'range', 'delete', 'gone']),
          ok: z.boolean(),
          durationMs: z.number(),
          error: z
            .string()
            .optional()
            .meta({ description: 'What went wrong, in the words of the store.' }),
        }),
      )
      .meta({ description: 'In order; ends at the first that fails.' }),
  }),
);

const refused = {
  success: false,
  channel: { id: 'ch_1', type: 's3', name: 'main' },
  steps: [
    {
      step: 'check',
      ok: false,
      durationMs: 93,
      error: 'The storage backend refused the credentials.',
    },
  ],
};

const noSuchChannel = { code: 'not_found', message: 'No such channel.' } as const;

/**
 * Not in the Upload API: stores, reads and deletes a small object on a channel (by id or name) and
 * reports the result of each step.
 */
export const testChannel = route({
  id: 'testChannel',
  method: 'POST',
  path: '/api/manage/channels/:id/test',
  permission: 'manage',
  tag: 'Management',
  summary: 'Test a channel',
  description:
    'Stores, reads and deletes a small picture there. A channel that fails is a 200 with `success: false`.',
  request: {
    params: () => z.object({ id: z.string().meta({ description: 'Id or name of the channel.' }) }),
  },
  answers: {
    200: {
      description: 'How each step went.',
      content: json(testChannelAnswer, { refused: { value: refused } }),
    },
  },
  failures: [noSuchChannel],
  async handler({ request, reply, deps }) {
    const { id } = request.params as { id: string };
    const channel = deps.pool
      .all()
      .find((candidate) => candidate.id === id || candidate.name === id);
    if (channel === undefined) {
      throw failed(noSuchChannel);
    }
    const steps = await testChannelSteps(channel.channel, AbortSignal.timeout(120_000));
    return reply.send({
      success: steps.every((step) => step.ok),
      channel: { id: channel.id, type: channel.type, name: channel.name },
      steps,
    });
  },
});
