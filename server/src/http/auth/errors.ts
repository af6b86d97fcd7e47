import { z } from 'zod';
import type { StowageError } from '../../core/errors.ts';
import type { Dialect } from '../dialect.ts';
import { named } from '../openapi/named.ts';

const authError = named('AuthError', () => z.strictObject({ error: z.string() }));

/** Upload API 4.9: these two answer by a text, the others by JSON. */
const inText: readonly (string | undefined)[] = ['/api/auth/login', '/api/auth/logout'];

export const authDialect: Dialect = {
  render(error, { route }) {
    const text = textOf(error);
    return { body: inText.includes(route) ? text : { error: text } };
  },
  schema: authError,
};

function textOf({ code, message }: StowageError): string {
  if (code === 'unauthorized') {
    return 'Unauthorized';
  }
  return code === 'service_unavailable' ? 'Security config unavailable' : message;
}
