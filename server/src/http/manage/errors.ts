import { z } from 'zod';
import type { StowageError } from '../../core/errors.ts';
import { own } from '../../core/own.ts';
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
  render: (error, facts) => ({
    body: textOf(error, facts) ?? wrongMethod(error, facts) ?? bodyOf(error),
  }),
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

/** Upload API 4.5: these name the method, under `message`. */
const methodOf: Readonly<Record<string, string>> = {
  '/api/manage/rename/*': 'POST',
  '/api/manage/metadata/*': 'PATCH',
};

function wrongMethod({ code }: StowageError, { route = '' }: Facts): object | undefined {
  const method = code === 'method_not_allowed' ? own(methodOf, route) : undefined;
  return method === undefined
    ? undefined
    : { success: false, message: `Method not allowed. Use ${method}.` };
}
