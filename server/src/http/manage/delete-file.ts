import type { FastifyReply, FastifyRequest } from 'fastify';
import { fail } from '../../core/errors.ts';
import { asPath } from '../../core/file-id.ts';
import { decodeOnce } from '../../core/path-text.ts';
import { authenticateToken } from '../authenticate.ts';
import type { HttpDeps } from '../deps.ts';
import { findLinked, linkRoots } from '../files/find-file.ts';
import { queryOf } from '../upload/query.ts';

const prefix = '/api/manage/delete/';

/**
 * Upload API 4.4, by GET too: only a credential in a header counts, which no foreign page can send. A file that is not there is a success that
 * says so.
 */
export async function deleteFile(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  await authenticateToken(request.raw, 'delete', deps);
  if (queryOf(request.url).folder === 'true')
    throw fail('not_implemented', { message: 'Deleting folders is not implemented. Delete their files instead.' });
  const named = decodeOnce((request.url.slice(prefix.length).split('?')[0] ?? '').replace(/\/+$/, ''));
  const stored = await findLinked(named, linkRoots(request.raw, deps.settings), deps.files);
  if (stored !== undefined && (await deps.files.remove(stored.file.id)))
    return reply.send({ success: true, fileId: stored.file.path });
  if (asPath(named.replace(/^\/+/, '')) === undefined)
    return reply.code(400).send({ success: false, error: 'Delete file failed' });
  // A deletion before this one may have failed on its way to the disk.
  await deps.metadata.settled({ anew: true });
  return reply.send({ success: true, fileId: named, deleted: false });
}
