import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { fail } from '../../core/errors.ts';
import type { HttpDeps } from '../deps.ts';
import { queryOf } from '../upload/query.ts';
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
});

/** Media API 5.1: newest first; unfinished uploads only when asked for by `status`. */
export async function listMedia(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  const query = readQuery(request);
  const context = { request: request.raw, settings: deps.settings };
  const { items, total } = await find(query, deps);
  const media = items.map((item) => ('state' in item ? presentMedia(item, context) : presentFile(item, context)));
  const { limit, offset } = query;
  return reply.send(
    envelope(
      {
        media,
        items: media,
        media_ids: media.map((item) => item.id),
        total,
        pagination: { limit, offset, total, has_more: offset + media.length < total },
      },
      request,
      deps,
    ),
  );
}

type Query = z.infer<typeof listQuerySchema>;

function find({ type, status, limit, offset }: Query, { files, presigned }: HttpDeps) {
  if (status === 'ready') return files.list({ limit, offset, ...(type && { category: type }) });
  return presigned.listPending({ state: status, limit, offset, ...(type && { category: type }) });
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
  throw fail('validation_error', {
    message: problems.map((problem) => problem.message).join(' '),
    details: { field: problems[0]?.field, validation_errors: problems },
  });
}
