import { z } from 'zod';
import { named } from '../openapi/named.ts';
import { json, route } from '../route.ts';

const health = named('Health', () => z.strictObject({ status: z.literal('ok') }));

export const getHealth = route({
  id: 'getHealth',
  method: ['GET', 'HEAD'],
  path: '/healthz',
  permission: 'public',
  tag: 'Operations',
  summary: 'Liveness: does the process run?',
  description: 'For supervisors that restart a dead process. Checks nothing else.',
  answers: {
    200: { description: 'It does.', content: json(health, { ok: { value: { status: 'ok' } } }) },
  },
  handler: () => ({ status: 'ok' }),
});
