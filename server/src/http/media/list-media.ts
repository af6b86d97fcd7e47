import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { mediaCategories } from '../../core/content-type/media-types.ts';
import type { StowageError } from '../../core/errors.ts';
import type { FilePosition } from '../../core/metadata.ts';
import { readCursor, writeCursor } from '../cursor.ts';
import type { HttpDeps } from '../deps.ts';
import { queryOf } from '../query.ts';
import { json, route } from '../route.ts';
import { envelope } from './envelope.ts';
import { exampleOf, success } from './envelope-schemas.ts';
import { invalidRequest, type Problem, problemsOf } from './invalid-request.ts';
import { alias, exampleId, exampleMedia, media, rateHeaders } from './media-schemas.ts';
import { presentFile, presentMedia } from './present.ts';

function wholeNumber(message: string, least: number, most: number) {
  return z.coerce.number(message).int(message).min(least, message).max(most, message);
}

const limitMessage = 'limit must be a whole number from 1 to 100.';

/** Media API 1.6: out of range is refused, a silent clamp would break clients that count. */
const listQuery = z.object({
  type: z
    .enum(mediaCategories, 'type must be image, video or document.')
    .optional()
    .meta({ description: 'Only this kind.' }),
  status: z
    .enum(['ready', 'uploading', 'failed'], 'status must be ready, uploading or failed.')
    .default('ready')
    .meta({ description: 'Unfinished and failed uploads are listed only when asked for.' }),
  limit: wholeNumber(limitMessage, 1, 100).default(20).meta({ description: 'Items of a page.' }),
  offset: wholeNumber('offset must be a whole number of at least 0.', 0, Number.MAX_SAFE_INTEGER)
    .default(0)
    .meta({ description: 'Items to skip.' }),
  cursor: z.string().optional().meta({
    description:
      'The `next_cursor` of the previous page: continues after its last item, at the same speed however far that is. `offset` is then ignored.',
  }),
});

const count = () => z.int().min(0);

const listMediaAnswer = success('ListMediaAnswer', () =>
  z.strictObject({
    media: z.array(media()).meta({ description: 'One page, newest first.' }),
    items: z.array(media()).meta(alias('media')),
    media_ids: z.array(z.uuid()).meta({ description: 'The ids of the page.' }),
    total: count().meta({ description: 'All that match, whatever the page.' }),
    next_cursor: z.string().nullable().meta({
      description: 'For `cursor` of the next page of finished media; null when there is none.',
    }),
    pagination: z.strictObject({
      limit: count(),
      offset: count(),
      total: count(),
      has_more: z.boolean(),
    }),
  }),
);

const examplePage = exampleOf({
  media: [exampleMedia],
  items: [exampleMedia],
  media_ids: [exampleId],
  total: 41,
  next_cursor: 'MTc5NTg4NjQwMDAwMCAwMTlhYjNjNC01ZDZlLTdmODAtOTFhMi1iM2M0ZDVlNmY3MDg',
  pagination: { limit: 1, offset: 0, total: 41, has_more: true },
});

/** Media API 5.1: newest first; unfinished uploads only when asked for by `status`. */
export const listMedia = route({
  id: 'listMedia',
  method: 'GET',
  path: '/api/v1/media',
  permission: 'list',
  tag: 'Media',
  summary: 'List media',
  description: 'Newest first, files of the Upload API included. Unknown parameters are ignored.',
  request: { query: () => listQuery },
  answers: {
    200: {
      description: 'A page of media.',
      headers: rateHeaders,
      content: json(listMediaAnswer, { page: { value: examplePage } }),
    },
  },
  failures: [
    {
      code: 'validation_error',
      message: limitMessage,
      details: { validationErrors: [{ field: 'limit', message: limitMessage, code: 'too_big' }] },
    },
  ],
  async handler(context) {
    const { request, reply, deps } = context;
    const query = readQuery(request);
    const presenting = { request: request.raw, settings: deps.settings };
    const { items, ...found } = await find(query, deps);
    const shown = items.map((item) =>
      'state' in item ? presentMedia(item, presenting) : presentFile(item, presenting),
    );
    return reply.send(envelope(presentPage({ ...found, shown, query }), context));
  },
});

interface Page {
  readonly shown: readonly ReturnType<typeof presentMedia>[];
  readonly total: number;
  readonly next: FilePosition | undefined;
  readonly query: Query;
}

function presentPage({ shown, total, next, query: { limit, offset, cursor } }: Page) {
  return {
    media: shown,
    items: shown,
    media_ids: shown.map(({ id }) => id),
    total,
    next_cursor: next === undefined ? null : writeCursor(next),
    pagination: {
      limit,
      offset,
      total,
      has_more: cursor === undefined ? offset + shown.length < total : next !== undefined,
    },
  };
}

type Query = z.infer<typeof listQuery>;

async function find(
  { type: category, status, limit, offset, cursor }: Query,
  { files, presigned }: HttpDeps,
) {
  if (status !== 'ready') {
    if (cursor !== undefined) {
      throw refusedCursor('cursor works with finished media only.');
    }
    const pending = await presigned.listPending({ state: status, category, limit, offset });
    return { ...pending, next: undefined };
  }
  const after = cursor === undefined ? undefined : readCursor(cursor);
  if (cursor !== undefined && after === undefined) {
    throw refusedCursor('cursor must be the next_cursor of an earlier response.');
  }
  // One more item shows whether there are more.
  const found = await files.list({ limit: limit + 1, offset, category, after });
  const items = found.items.slice(0, limit);
  return { items, total: found.total, next: found.items.length > limit ? items.at(-1) : undefined };
}

function refusedCursor(message: string): StowageError {
  return refusal([{ field: 'cursor', message, code: 'custom' }]);
}

function refusal(problems: readonly Problem[]): StowageError {
  return invalidRequest(problems.map(({ message }) => message).join(' '), problems);
}

function readQuery(request: FastifyRequest): Query {
  const given = Object.entries(queryOf(request.url)).filter(([, value]) => value !== '');
  const parsed = listQuery.safeParse(Object.fromEntries(given));
  if (parsed.success) {
    return parsed.data;
  }
  throw refusal(problemsOf(parsed.error));
}
