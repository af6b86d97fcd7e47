import type { FastifyReply, FastifyRequest } from 'fastify';
import { fail } from '../../core/errors.ts';
import type { HttpDeps } from '../deps.ts';
import { mediaIdOf } from './complete-media.ts';
import { envelope } from './envelope.ts';
import { presentMedia } from './present.ts';

/** Media API 5.2. */
export async function getMedia(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  const media = await deps.presigned.find(mediaIdOf(request));
  if (media === undefined) throw fail('not_found', { message: 'Media not found.' });
  return reply.send(envelope(presentMedia(media, { request: request.raw, settings: deps.settings }), request, deps));
}
