import { z } from 'zod';
import { named } from '../named.ts';

export const health = named('Health', z.strictObject({ status: z.literal('ok') }));

export const readiness = named(
  'Readiness',
  z.strictObject({
    status: z.enum(['ok', 'unavailable']),
    checks: z.record(z.string(), z.enum(['ok', 'stopping', 'unavailable'])).meta({
      description: 'What was looked at: `server` and `database`. Channels do not count: reading and other channels go on.',
    }),
  }),
);

export const openApiSelf = named('OpenApiDocument', z.looseObject({ openapi: z.string() }));
