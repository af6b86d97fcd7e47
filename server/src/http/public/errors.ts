import { z } from 'zod';
import type { Dialect } from '../dialect.ts';
import { named } from '../openapi/named.ts';

const pagesError = named('PagesError', () => z.strictObject({ error: z.string() }));

/** Upload API 4.7: errors are `{"error": "…"}`; 401 is one word of text. */
export const pagesDialect: Dialect = {
  render: ({ code, status, message, details }) => {
    // Missing permissions read the same as missing credentials.
    if (
      code === 'unauthorized' ||
      (code === 'insufficient_scope' && 'required' in (details ?? {}))
    ) {
      return { status: 401, body: 'Unauthorized' };
    }
    return {
      status,
      body: { error: code === 'method_not_allowed' ? 'Method not allowed' : message },
    };
  },
  schema: pagesError,
};
