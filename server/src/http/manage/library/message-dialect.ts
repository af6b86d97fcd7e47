import { z } from 'zod';
import type { Dialect } from '../../dialect.ts';
import { named } from '../../openapi/named.ts';
import { manageDialect } from '../errors.ts';

const messageError = named('MessageError', () =>
  z.strictObject({ success: z.literal(false), message: z.string() }),
);

/** Upload API 4.5: `rename` and `metadata` have their sentence under `message`. */
export const messageDialect: Dialect = {
  schema: messageError,
  render(error, facts) {
    const isText = error.status === 401 || error.status === 403;
    return isText
      ? manageDialect.render(error, facts)
      : { body: { success: false, message: error.message } };
  },
};
