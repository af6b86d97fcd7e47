import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../core/access.ts';
import { fail } from '../../core/errors.ts';
import { isUuid } from '../../core/uuid.ts';
import type { HttpDeps } from '../deps.ts';
import { envelope } from './envelope.ts';
import { presentFile } from './present.ts';

/** Media API 4: step 3. The body, if any, is not looked at. */
export async function completeMedia(
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
  deps: HttpDeps,
): Promise<FastifyReply> {
  const media = await deps.presigned.complete(mediaIdOf(request), caller);
  const file = presentFile(media.stored.file, { request: request.raw, settings: deps.settings });
  const kind = file.type.charAt(0).toUpperCase() + file.type.slice(1);
  const data = {
    ...file,
    message: `${kind} is ready. You can now attach it to a post using media_ids.`,
    next_step: `Media is ready. Attach it to a post by passing "media_ids": ["${file.id}"] to POST /v1/posts.`,
    ...(media.warnings.length > 0 && { warnings: media.warnings }),
  };
  return reply.send(envelope(data, request, deps));
}

/** Unknown, foreign and malformed ids all read the same. */
export function mediaIdOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string };
  if (!isUuid(id)) throw fail('not_found', { message: 'Media not found.' });
  return id.toLowerCase();
}
