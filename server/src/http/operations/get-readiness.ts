import { z } from 'zod';
import { named } from '../openapi/named.ts';
import { json, route } from '../route.ts';

const readiness = named('Readiness', () =>
  z.strictObject({
    status: z.enum(['ok', 'unavailable']),
    checks: z.record(z.string(), z.enum(['ok', 'stopping', 'unavailable'])).meta({
      description:
        'What was looked at: `server` and `database`. Channels do not count: reading and other channels go on.',
    }),
  }),
);

export const getReadiness = route({
  id: 'getReadiness',
  method: ['GET', 'HEAD'],
  path: '/readyz',
  permission: 'public',
  tag: 'Operations',
  summary: 'Readiness: can it serve requests?',
  description:
    'For load balancers: asks the database, and says no from the moment the server is told to stop. What is found is kept for a second.',
  answers: {
    200: {
      description: 'They can.',
      content: json(readiness, {
        ok: { value: { status: 'ok', checks: { server: 'ok', database: 'ok' } } },
      }),
    },
    503: {
      description:
        'Not now: the server is on its way down, or its database does not answer within two seconds.',
      headers: ['Retry-After'],
      content: json(readiness, {
        stopping: { value: { status: 'unavailable', checks: { server: 'stopping' } } },
        database: {
          value: { status: 'unavailable', checks: { server: 'ok', database: 'unavailable' } },
        },
      }),
    },
  },
  async handler({ reply, deps }) {
    const found = await deps.readiness();
    return reply.code(found.status === 'ok' ? 200 : 503).send(found);
  },
});
