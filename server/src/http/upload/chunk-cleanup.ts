import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../core/access.ts';
import type { HttpDeps } from '../deps.ts';
import { toError } from '../to-error.ts';
import { readFields, wholeNumber } from './chunk-form.ts';
import { queryOf } from './query.ts';

/** Upload API 2.5: success for unknown ids too; other callers' uploads are left alone. */
export async function cleanupChunks(
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
  deps: HttpDeps,
): Promise<FastifyReply> {
  const query = queryOf(request.url);
  const form = query.uploadId ? undefined : await readFields(request, deps);
  const uploadId = query.uploadId || form?.uploadId;
  if (!uploadId) return reply.code(400).send({ error: 'Missing uploadId parameter' });
  try {
    await deps.chunked.cleanup(uploadId, caller);
  } catch (error) {
    const { status, message } = toError(error);
    return reply.code(status).send({ error: `Cleanup failed: ${message}`, uploadId });
  }
  const cleanedChunks = wholeNumber(query.totalChunks ?? form?.totalChunks) || 0;
  return reply.send({ success: true, message: `Cleanup completed for upload ${uploadId}`, uploadId, cleanedChunks });
}
