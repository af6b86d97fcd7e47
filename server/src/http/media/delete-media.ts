import type { FastifyReply, FastifyRequest } from 'fastify';
import { fail } from '../../core/errors.ts';
import type { HttpDeps } from '../deps.ts';
import { mediaIdOf } from './complete-media.ts';
import { envelope } from './envelope.ts';

/** Media API 5.3: a file, or an upload that is not finished (running transfers stop). A second time is 404. */
export async function deleteMedia(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  const id = mediaIdOf(request);
  // An upload that cannot be cancelled any more may have become a file since we looked for one.
  const removed = (await deps.files.remove(id)) || (await deps.presigned.cancel(id)) || (await deps.files.remove(id));
  if (!removed) throw fail('not_found', { message: 'Media not found.' });
  return reply.send(envelope({ media_id: id, id, deleted: true, message: 'Media deleted.' }, request, deps));
}
