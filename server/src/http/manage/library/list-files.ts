import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { FileRecord } from '../../../core/metadata.ts';
import { own } from '../../../core/own.ts';
import type { HttpDeps } from '../../deps.ts';
import type { Dialect } from '../../dialect.ts';
import { named } from '../../openapi/named.ts';
import { text } from '../../openapi/shared-schemas.ts';
import { queryOf } from '../../query.ts';
import { json, route } from '../../route.ts';
import { manageDialect } from '../errors.ts';
import { jsonItems, sendJsonStream } from './json-stream.ts';
import { exampleInfo, infoAnswer, libraryInfo } from './library-info.ts';
import { listParameters } from './list-parameters.ts';
import { cursorOf, type ListQuery, readListQuery } from './list-query.ts';
import { exampleMetadata, listedFile, presentFile } from './present-file.ts';

const pageSize = 1_000;

const listAnswer = named('ListAnswer', () =>
  z.union([
    z.strictObject({
      files: z.array(listedFile()),
      directories: z
        .array(z.string())
        .meta({ description: 'Whole paths of all folders directly below, on every page.' }),
      totalCount: z.int().meta({ description: 'In the folder and below, after the filters.' }),
      directFileCount: z.int(),
      directFolderCount: z.int(),
      returnedCount: z.int(),
      nextCursor: z
        .string()
        .optional()
        .meta({ description: 'For `cursor`, when there may be more and files go by time.' }),
      indexLastUpdated: z.int(),
      isIndexedResponse: z.literal(true),
    }),
    z.strictObject({ sum: z.int(), indexLastUpdated: z.int() }),
    infoAnswer(),
  ]),
);

/** Upload API 4.3: our index is never behind, so there is nothing to do. */
const actions = {
  rebuild: 'Index rebuilt asynchronously',
  'merge-operations': 'Operations merged into index asynchronously',
  'delete-operations': 'All operations deleted asynchronously',
};

const listDialect: Dialect = {
  ...manageDialect,
  render: (error, facts) =>
    error.status === 500
      ? { body: { error: 'Internal server error', message: error.message } }
      : manageDialect.render(error, facts),
};

/** Upload API 4.3. */
export const listFiles = route({
  id: 'listFiles',
  method: 'GET',
  path: '/api/manage/list',
  permission: 'list',
  tag: 'Management',
  summary: 'List files and folders',
  description:
    'A folder, page by page, newest first, with its sub-folders; filters count for both. Every change shows at once. `count=-1` is all, sent as it is read. `action=info` counts the whole library instead. Needs the permission `list`.',
  request: { query: listParameters },
  answers: {
    200: {
      description: 'A page, a sum, the statistics, or the text of an index action.',
      content: {
        ...json(listAnswer, {
          page: {
            value: {
              files: [{ name: 'img/test/abc123_photo.jpg', metadata: exampleMetadata }],
              directories: ['img/test/more'],
              totalCount: 3,
              directFileCount: 1,
              directFolderCount: 1,
              returnedCount: 1,
              indexLastUpdated: 1_796_000_000_000,
              isIndexedResponse: true,
            },
          },
          sum: { value: { sum: 3, indexLastUpdated: 1_796_000_000_000 } },
          info: { value: exampleInfo },
        }),
        'text/plain': { schema: text, examples: { rebuild: { value: actions.rebuild } } },
      },
    },
  },
  dialect: listDialect,
  async handler({ request, reply, deps }) {
    const fields = queryOf(request.url);
    const { action = '' } = fields;
    const answer = own(actions, action);
    if (answer !== undefined) {
      return reply.type('text/plain;charset=UTF-8').send(answer);
    }
    if (action === 'info' || action === 'index-storage-stats') {
      return reply.send(await libraryInfo(fields, deps));
    }
    return sendList(reply, readListQuery(fields, deps.pool), deps);
  },
});

async function sendList(
  reply: FastifyReply,
  query: ListQuery,
  deps: HttpDeps,
): Promise<FastifyReply> {
  const summary = deps.metadata.library.summary(query.filter);
  if (query.isSum) {
    return reply.send({ sum: (await summary).totalCount, indexLastUpdated: deps.now() });
  }
  if (query.count > pageSize) {
    return sendJsonStream(reply, longList(query, { deps, counts: rest(await summary, deps) }));
  }
  const [files, found] = await Promise.all([readPage(query, query.count, deps), summary]);
  const last = files.at(-1);
  return reply.send({
    files: files.map((file) => presentFile(file, deps.pool)),
    ...rest(found, deps),
    returnedCount: files.length,
    nextCursor:
      query.sortBy === 'time' && files.length === query.count && last !== undefined
        ? cursorOf(last)
        : undefined,
  });
}

function rest(
  summary: Awaited<ReturnType<HttpDeps['metadata']['library']['summary']>>,
  deps: HttpDeps,
) {
  return {
    directories: summary.folders,
    totalCount: summary.totalCount,
    directFileCount: summary.directFileCount,
    directFolderCount: summary.folders.length,
    indexLastUpdated: deps.now(),
    isIndexedResponse: true,
  };
}

function readPage(query: ListQuery, limit: number, { metadata }: HttpDeps) {
  const { filter, isRecursive, sortBy, direction, start, after } = query;
  return metadata.library.page({
    filter,
    isRecursive,
    sortBy,
    direction,
    after,
    limit,
    offset: start,
  });
}

async function* longList(
  query: ListQuery,
  { deps, counts }: { readonly deps: HttpDeps; readonly counts: object },
): AsyncGenerator<string> {
  let returnedCount = 0;
  async function* files() {
    for await (const file of allFiles(query, deps)) {
      returnedCount++;
      yield presentFile(file, deps.pool);
    }
  }
  yield '{"files":[';
  yield* jsonItems(files());
  yield `],${JSON.stringify({ ...counts, returnedCount }).slice(1)}`;
}

/** By position where the order has one: the last page then costs as much as the first. */
async function* allFiles(query: ListQuery, deps: HttpDeps): AsyncGenerator<FileRecord> {
  let { start, after, count: left } = query;
  while (left > 0) {
    const limit = Math.min(pageSize, left);
    const files = await readPage({ ...query, start, after }, limit, deps);
    yield* files;
    if (files.length < limit) {
      return;
    }
    left -= limit;
    if (query.sortBy === 'time') {
      after = files.at(-1);
    } else {
      start += limit;
    }
  }
}
