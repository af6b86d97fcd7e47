import { z } from 'zod';
import type { Dialect } from '../dialect.ts';
import { named } from '../openapi/named.ts';

const plainError = named('PlainError', () =>
  z
    .strictObject({ error: z.string(), retryable: z.boolean() })
    .meta({ description: 'The errors of endpoints that belong to neither API.' }),
);

export const plainDialect: Dialect = {
  render: ({ message, retryable }) => ({ body: { error: message, retryable } }),
  schema: plainError,
};
