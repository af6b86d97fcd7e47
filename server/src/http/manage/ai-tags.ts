import { z } from 'zod';
import type { Dialect } from '../dialect.ts';
import { failed } from '../failure.ts';
import { named } from '../openapi/named.ts';
import { json, type Route, route } from '../route.ts';

const aiTagsAnswer = named('AiTagsAnswer', () =>
  z.strictObject({
    enabled: z.literal(false),
    maxBatchSize: z.number().meta({ description: 'Pictures of one request.' }),
  }),
);

const aiError = named('AiError', () =>
  z.strictObject({
    error: z.strictObject({
      code: z.string(),
      message: z.string(),
      details: z.record(z.string(), z.unknown()),
    }),
  }),
);

/** Upload API 4.6: these routes have an envelope of their own. */
const aiDialect: Dialect = {
  render: ({ code, message, details = {} }) => ({ body: { error: { code, message, details } } }),
  schema: aiError,
};

const notConfigured = {
  code: 'not_implemented',
  message: 'Tags by a model are not configured on this server.',
} as const;

/** Upload API 4.6: pages ask for it before they offer anything. */
export const getAiTags = route({
  id: 'getAiTags',
  method: 'GET',
  path: '/api/manage/ai/tags',
  permission: 'manage',
  tag: 'Management',
  summary: 'Whether a model can tag pictures (no)',
  answers: {
    200: {
      description: 'It is off.',
      content: json(aiTagsAnswer, { off: { value: { enabled: false, maxBatchSize: 1 } } }),
    },
  },
  handler: ({ reply }) => reply.send({ enabled: false, maxBatchSize: 1 }),
});

export const writeAiTags = refused('writeAiTags', '/api/manage/ai/tags', 'Tag pictures');
export const testAi = refused('testAi', '/api/manage/ai/test', 'Test a model');
export const applyTags = refused('applyTags', '/api/manage/tags/apply', 'Keep tags of a model');

/** Nothing is read of what comes. */
function refused(id: string, path: string, summary: string): Route {
  return route({
    id,
    method: 'POST',
    path,
    permission: 'manage',
    tag: 'Management',
    summary: `${summary} (off)`,
    description: 'Refused as long as no model is configured.',
    answers: {},
    dialect: aiDialect,
    failures: [notConfigured],
    handler: () => {
      throw failed(notConfigured);
    },
  });
}
