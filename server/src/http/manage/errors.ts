import { z } from 'zod';
import type { StowageError } from '../../core/errors.ts';
import type { Dialect, Facts } from '../dialect.ts';
import { named } from '../openapi/named.ts';

export const manageError = named('ManageError', () =>
  z.strictObject({
    success: z.literal(false).optional(),
    error: z.string(),
    message: z.string().optional(),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
);

/**
 * Management errors are JSON with `success: false`, except where upstream's clients expect a text.
 */
export const manageDialect: Dialect = {
  render: (error, facts) => ({ body: textOf(error, facts) ?? bodyOf(error) }),
  schema: manageError,
};

/** Upload API 4.4. */
function bodyOf({ code, message, details }: StowageError): object {
  return {
    success: false,
    error: code === 'method_not_allowed' ? 'Method not allowed' : message,
    details,
  };
}

/** Upload API 4.2 and 4.6. */
function textOf({ status, message }: StowageError, { route }: Facts): string | undefined {
  if (status === 401) {
    return 'You need to login';
  }
  if (status === 403) {
    return message;
  }
  return status === 405 && route === '/api/manage/apiTokens' ? 'Method not allowed' : undefined;
}
