import { z } from 'zod';
import type { Dialect } from '../dialect.ts';
import { named } from '../openapi/named.ts';

export const pagesError = named('PagesError', () => z.strictObject({ error: z.string() }));

/** Upload API 4.7: errors are `{"error": "…"}`; 401 is one word of text. */
export const pagesDialect: Dialect = {
  render: ({ code, status, message }) => ({
    // Missing permissions read the same as missing credentials.
    status: code === 'insufficient_scope' ? 401 : status,
    body:
      code === 'unauthorized' || code === 'insufficient_scope'
        ? 'Unauthorized'
        : { error: code === 'method_not_allowed' ? 'Method not allowed' : message },
  }),
  schema: pagesError,
};
