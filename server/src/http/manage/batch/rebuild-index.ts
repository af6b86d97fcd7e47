import { z } from 'zod';
import { jsonFailuresUpTo } from '../../body/json-body.ts';
import { failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { json, route } from '../../route.ts';
import { readAuthorizedJson } from '../read-authorized-json.ts';

const chunkSize = 500;
const maxBytes = 8 * 2 ** 20;

const indexConfigAnswer = named('IndexConfigAnswer', () =>
  z.strictObject({
    success: z.literal(true),
    chunkSize: z.int(),
    databaseType: z.string().meta({ description: 'For pages that know two kinds.' }),
  }),
);
const indexChunkAnswer = named('IndexChunkAnswer', () =>
  z.strictObject({ success: z.literal(true), chunkId: z.string(), storedCount: z.int() }),
);
const indexFinalAnswer = named('IndexFinalAnswer', () =>
  z.strictObject({ success: z.literal(true), indexedCount: z.int(), lastUpdated: z.int() }),
);
const indexChunk = named('IndexChunk', () =>
  z.object({
    chunkId: z.string(),
    sessionId: z.string(),
    data: z.array(z.unknown()),
    checksum: z.string(),
  }),
);
const indexEnd = named('IndexEnd', () =>
  z.object({ sessionId: z.string(), totalChunks: z.int(), totalFiles: z.int() }),
);

const wrongBody = {
  code: 'validation_error',
  as: 'body',
  message: 'Invalid request body',
} as const;
const description =
  'For pages that rebuild an index in the browser. There is none to rebuild: every change is seen in the next answer.';
const failures = [...jsonFailuresUpTo(maxBytes), wrongBody];

/** Upload API 4.6: accepted, and ignored. */
export const getIndexConfig = route({
  id: 'getIndexConfig',
  method: 'GET',
  path: '/api/manage/batch/index/config',
  permission: 'manage',
  tag: 'Management',
  summary: 'How an index would be rebuilt',
  description,
  answers: {
    200: {
      description: 'Rows of a chunk.',
      content: json(indexConfigAnswer, {
        one: { value: { success: true, chunkSize, databaseType: 'd1' } },
      }),
    },
  },
  handler: ({ reply }) => reply.send({ success: true, chunkSize, databaseType: 'd1' }),
});

export const putIndexChunk = route({
  id: 'putIndexChunk',
  method: 'POST',
  path: '/api/manage/batch/index/chunk',
  permission: 'manage',
  tag: 'Management',
  summary: 'A part of an index (ignored)',
  description,
  request: { body: { required: true, content: json(indexChunk) } },
  answers: {
    200: {
      description: 'Nothing was changed.',
      content: json(indexChunkAnswer, {
        one: { value: { success: true, chunkId: '0', storedCount: 500 } },
      }),
    },
  },
  failures,
  async handler(context) {
    const { body } = await readAuthorizedJson(context, 'manage', { maxBytes });
    const { chunkId, data } = body;
    if (typeof chunkId !== 'string' || !Array.isArray(data)) {
      throw failed(wrongBody);
    }
    return context.reply.send({ success: true, chunkId, storedCount: data.length });
  },
});

export const endIndex = route({
  id: 'endIndex',
  method: 'POST',
  path: '/api/manage/batch/index/finalize',
  permission: 'manage',
  tag: 'Management',
  summary: 'The end of an index (ignored)',
  description,
  request: { body: { required: true, content: json(indexEnd) } },
  answers: {
    200: {
      description: 'Nothing was changed.',
      content: json(indexFinalAnswer, {
        one: { value: { success: true, indexedCount: 500, lastUpdated: 1_775_822_400_000 } },
      }),
    },
  },
  failures,
  async handler(context) {
    const { reply, deps } = context;
    const { body } = await readAuthorizedJson(context, 'manage', { maxBytes });
    const { totalFiles } = body;
    if (!Number.isSafeInteger(totalFiles)) {
      throw failed(wrongBody);
    }
    return reply.send({ success: true, indexedCount: totalFiles, lastUpdated: deps.now() });
  },
});
