import { z } from 'zod';
import { named } from '../openapi/named.ts';
import { json, route } from '../route.ts';
import { apiToken, exampleToken, presentToken } from './present-token.ts';

const apiTokens = named('ApiTokens', () => z.strictObject({ tokens: z.array(apiToken()) }));

export const listApiTokens = route({
  id: 'listTokens',
  method: 'GET',
  path: '/api/manage/apiTokens',
  permission: 'manage',
  tag: 'Management',
  summary: 'List API tokens',
  description:
    'Without their secret part. Needs the permission `manage`, as all about tokens and channels does.',
  answers: {
    200: {
      description: 'All tokens.',
      content: json(apiTokens, { one: { value: { tokens: [exampleToken] } } }),
    },
  },
  async handler({ reply, deps }) {
    await deps.metadata.tokens.removeExpired(deps.now());
    const tokens = await deps.metadata.tokens.list();
    return reply.send({ tokens: tokens.map((record) => presentToken(record)) });
  },
});
