import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../core/access.ts';
import type { HttpDeps } from '../deps.ts';
import { note } from '../request-notes.ts';
import { chunkError } from './chunk-errors.ts';
import { readFields, readStep } from './chunk-form.ts';
import { sayUploaded } from './present.ts';

/** Upload API 2.4. */
export async function mergeChunked(
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
  deps: HttpDeps,
): Promise<FastifyReply> {
  note(request.raw, { upload: 'chunked' });
  const step = readStep(request, await readFields(request, deps), 'Missing merge parameters');
  try {
    const { stored, fullUrl } = await deps.chunked.merge(step, caller);
    return sayUploaded(reply, [stored], { fullUrl, request: request.raw, deps });
  } catch (error) {
    throw chunkError(error, 'Failed to merge chunks');
  }
}
