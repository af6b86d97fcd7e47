import { z } from 'zod';
import { named } from '../openapi/named.ts';
import { timestamp } from '../openapi/shared-schemas.ts';

const meta = named('Meta', () =>
  z.strictObject({
    request_id: z.string().meta({
      description: 'Also in the header X-Request-Id and in the log.',
      example: 'a1b2c3d4',
    }),
    timestamp: timestamp.meta({ example: '2026-04-10T12:00:00.000Z' }),
  }),
);

/** A success of the Media API. */
export function success<Data extends z.ZodType>(id: string, data: () => Data) {
  return named(id, () => z.strictObject({ data: data(), error: z.null(), meta: meta() }));
}

export const mediaError = named('MediaError', () =>
  z.strictObject({
    data: z.null(),
    error: z.strictObject({
      message: z.string().meta({ description: 'A sentence for humans.' }),
      code: z.string().meta({ description: 'Stable; programs should decide by this.' }),
      retryable: z.boolean().meta({ description: 'Whether the same request may succeed later.' }),
      details: z
        .record(z.string(), z.unknown())
        .optional()
        .meta({ description: 'Facts about the failure, by code.' }),
      retryAfter: z
        .int()
        .optional()
        .meta({ description: 'Seconds to wait, as in the header Retry-After.' }),
      retry_after: z.int().optional().meta({ description: 'The same as `retryAfter`.' }),
    }),
    meta: meta(),
  }),
);

/** The same for examples. */
export function exampleOf<Data extends object>(data: Data) {
  return {
    data,
    error: null,
    meta: { request_id: 'a1b2c3d4', timestamp: '2026-04-10T12:00:00.000Z' },
  };
}
