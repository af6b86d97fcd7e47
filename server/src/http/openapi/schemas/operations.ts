import { z } from 'zod';
import { named } from '../named.ts';

export const health = named('Health', z.strictObject({ status: z.literal('ok') }));

export const readiness = named(
  'Readiness',
  z.strictObject({ status: z.string().meta({ description: '`ready`, `stopping`, or what is wrong.' }) }),
);

export const openApiSelf = named('OpenApiDocument', z.looseObject({ openapi: z.string() }));
