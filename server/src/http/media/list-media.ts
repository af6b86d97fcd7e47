import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { fail, type StowageError } from '../../core/errors.ts';
import type { HttpDeps } from '../deps.ts';
import { queryOf } from '../upload/query.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { envelope } from './envelope.ts';
import { presentFile, presentMedia } from './present.ts';

function wholeNumber(message: string, least: number, most: number) {
  return z.coerce.number(message).int(message).min(least, message).max(most, message);
}

/** Media API 1.6: out of range is refused, a silent clamp would break clients that count. */
export const listQuerySchema = z.object({
  type: z.enum(['image', 'video', 'document'], 'type must be image, video or document.').optional(),
  status: z.enum(['ready', 'uploading', 'failed'], 'status must be ready, uploading or failed.').default('ready'),
  limit: wholeNumber('limit must be a whole number from 1 to 100.', 1, 100).default(20),
  offset: wholeNumber('offset must be a whole number of at least 0.', 0, Number.MAX_SAFE_INTEGER).default(0),
  cursor: z.string().optional(),
});

/** Media API 5.1: newest first; unfinished uploads only when asked for by `status`. */
export async function listMedia(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  const query = readQuery(request);
  const context = { request: request.raw, settings: deps.settings };
  const { items, total, next } = await find(query, deps);
  const media = items.map((item) => ('state' in item ? presentMedia(item, context) : presentFile(item, context)));
  const { limit, offset } = query;
  return reply.send(
    envelope(
      {
        media,
        items: media,
        media_ids: media.map((item) => item.id),
        total,
        next_cursor: next === undefined ? null : writeCursor(next),
        pagination: {
          limit,
          offset,
          total,
          has_more: query.cursor === undefined ? offset + media.length < total : next !== undefined,
        },
      },
      request,
      deps,
    ),
  );
}

type Query = z.infer<typeof listQuerySchema>;

async function find({ type, status, limit, offset, cursor }: Query, { files, presigned }: HttpDeps) {
  if (status !== 'ready') {
    if (cursor !== undefined)
      throw refusal([{ field: 'cursor', message: 'cursor works with finished media only.', code: 'custom' }]);
    const page = { state: status, limit, offset, ...(type && { category: type }) };
    return { ...(await presigned.listPending(page)), next: undefined };
  }
  const after = cursor === undefined ? undefined : readCursor(cursor);
  if (cursor !== undefined && after === undefined)
    throw refusal([{ field: 'cursor', message: 'cursor must be the next_cursor of an earlier response.', code: 'custom' }]);
  // One more item shows whether there are more.
  const found = await files.list({ limit: limit + 1, offset, ...(type && { category: type }), ...(after && { after }) });
  const items = found.items.slice(0, limit);
  return { items, total: found.total, next: found.items.length > limit ? items.at(-1) : undefined };
}

interface Problem {
  readonly field: string;
  readonly message: string;
  readonly code: string;
}

function refusal(problems: readonly Problem[]): StowageError {
  return fail('validation_error', {
    message: problems.map((problem) => problem.message).join(' '),
    details: { field: problems[0]?.field, validation_errors: problems },
  });
}

function readQuery(request: FastifyRequest): Query {
  const given = Object.entries(queryOf(request.url)).filter(([, value]) => value !== '');
  const parsed = listQuerySchema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => ({
    field: String(issue.path[0]),
    message: issue.message,
    code: issue.code,
  }));
  throw refusal(problems);
}
