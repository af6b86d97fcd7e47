import { z } from 'zod';
import { named } from '../../openapi/named.ts';
import { queryOf } from '../../query.ts';
import { json, route } from '../../route.ts';

const completeTagAnswer = named('CompleteTagAnswer', () =>
  z.strictObject({
    success: z.literal(true),
    prefix: z.string(),
    tags: z.array(z.string()),
    total: z.int(),
    hasMore: z.boolean(),
  }),
);

/** Upload API 4.5, over all files. */
export const completeTag = route({
  id: 'completeTag',
  method: 'GET',
  path: '/api/manage/tags/autocomplete',
  permission: 'manage',
  tag: 'Management',
  summary: 'Tags that begin with a text',
  description: 'In order. Needs the permission `manage`.',
  request: {
    query: () =>
      z.object({
        prefix: z.string().optional(),
        limit: z.int().optional().meta({ description: '1 to 100, default 20.' }),
      }),
  },
  answers: {
    200: {
      description: 'The tags.',
      content: json(completeTagAnswer, {
        some: {
          value: { success: true, prefix: 'ho', tags: ['holiday'], total: 1, hasMore: false },
        },
      }),
    },
  },
  async handler({ request, reply, deps }) {
    const { prefix: given = '', limit: wanted = '' } = queryOf(request.url);
    const prefix = given.replaceAll('\0', '').toWellFormed().trim().toLowerCase();
    const limit = Math.min(100, Math.max(1, Number.parseInt(wanted, 10) || 20));
    const found = await deps.metadata.library.tags({ prefix, limit: limit + 1 });
    const tags = found.slice(0, limit);
    return reply
      .header('cache-control', 'private, max-age=60')
      .send({ success: true, prefix, tags, total: tags.length, hasMore: found.length > limit });
  },
});
