import { z } from 'zod';
import { named } from '../openapi/named.ts';
import { json, route } from '../route.ts';

const readiness = named('Readiness', () =>
  z.strictObject({
    status: z.enum(['ok', 'unavailable']),
    checks: z.record(z.string(), z.enum(['ok', 'stopping', 'unavailable'])).meta({
      description:
        'The checks: `server` and `database`. A failing channel does not count, because reads and other channels still work.',
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
    'For load balancers: checks the database, and returns 503 from the moment the server begins to stop. The result is cached for a second.',
  answers: {
    200: {
      description: 'It can.',
      content: json(readiness, {
        ok: { value: { status: 'ok', checks: { server: 'ok', database: 'ok' } } },
      }),
    },
    503: {
      description:
        'It cannot: the server is shutting down, or its database does not respond within two seconds.',
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
