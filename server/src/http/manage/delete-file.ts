import type { FastifyReply, FastifyRequest } from 'fastify';
import { fail } from '../../core/errors.ts';
import { pathFromUrl } from '../../core/file-id.ts';
import { authenticateToken } from '../authenticate.ts';
import type { HttpDeps } from '../deps.ts';
import { findFile } from '../files/find-file.ts';
import { queryOf } from '../upload/query.ts';

const prefix = '/api/manage/delete/';

/** Upload API 4.4, by GET too: only a credential in a header counts, which no foreign page can send. A file that is not there is a success. */
export async function deleteFile(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  await authenticateToken(request.raw, 'delete', deps);
  if (queryOf(request.url).folder === 'true')
    throw fail('not_implemented', { message: 'Deleting folders is not available yet: delete their files.' });
  const path = pathFromUrl((request.url.slice(prefix.length).split('?')[0] ?? '').replace(/\/+$/, ''));
  if (path === undefined) return reply.code(400).send({ success: false, error: 'Delete file failed' });
  await removeFile(path, deps);
  return reply.send({ success: true, fileId: path });
}

/** The file goes at once, its bytes by jobs until the backend confirms. */
export async function removeFile(path: string, { files }: Pick<HttpDeps, 'files'>): Promise<void> {
  const stored = await findFile(path, files);
  if (stored !== undefined) await files.remove(stored.file.id);
}
