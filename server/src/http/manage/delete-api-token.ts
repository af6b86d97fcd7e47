import { z } from 'zod';
import { named } from '../openapi/named.ts';
import { queryOf } from '../query.ts';
import { json, route } from '../route.ts';
import { manageError } from './errors.ts';
import { grantable } from './grants.ts';
import { unknownToken } from './present-token.ts';

const deleteTokenAnswer = named('DeleteTokenAnswer', () =>
  z.union([
    z.strictObject({ success: z.literal(true), message: z.string() }).meta({ title: 'Revoked' }),
    unknownToken.schema(),
  ]),
);

const revoked = { success: true, message: 'Token 已删除' };
/** Upload API 4.6: the sentence is part of the wire. */
const missing = { error: '缺少Token ID', message: 'Missing: id' };

export const deleteApiToken = route({
  id: 'deleteToken',
  method: 'DELETE',
  path: '/api/manage/apiTokens',
  permission: 'manage',
  tag: 'Management',
  summary: 'Revoke an API token',
  description:
    'It stops working with the next request, and its unfinished uploads take no more bytes.',
  request: { query: () => z.object({ id: z.string().meta({ description: 'Id of the token.' }) }) },
  answers: {
    200: {
      description: 'It is revoked; or there is none with this id.',
      content: json(deleteTokenAnswer, {
        revoked: { value: revoked },
        unknown: unknownToken.example,
      }),
    },
    400: {
      description: 'The request is not valid.',
      content: json(manageError, { missing: { summary: missing.message, value: missing } }),
    },
  },
  async handler({ request, reply, deps, caller }) {
    const { id } = queryOf(request.url);
    if (!id) {
      return reply.code(400).send(missing);
    }
    const known = await deps.metadata.tokens.get(id);
    if (known === undefined) {
      return reply.send(unknownToken.example.value);
    }
    grantable(known.permissions, caller);
    await deps.metadata.tokens.remove(id);
    return reply.send(revoked);
  },
});
