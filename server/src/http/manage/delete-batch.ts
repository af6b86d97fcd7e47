import type { FastifyReply, FastifyRequest } from 'fastify';
import { fail, isStowageError } from '../../core/errors.ts';
import { authenticateToken } from '../authenticate.ts';
import type { HttpDeps } from '../deps.ts';
import { readJsonObject } from '../json-body.ts';
import { removeFile } from './delete-file.ts';

const maxFiles = 500;
const atOnce = 10;

/** Upload API 4.4: up to 500 files; what failed is named, the rest is gone. */
export async function deleteBatch(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  await authenticateToken(request.raw, 'delete', deps);
  const queue = readFileIds((await readJsonObject(request.raw)).fileIds);
  const deleted: string[] = [];
  const failed: { readonly fileId: string; readonly error: string }[] = [];
  const next = queue.values();
  const work = async (): Promise<void> => {
    for (const fileId of next) {
      try {
        await removeFile(fileId, deps);
        deleted.push(fileId);
      } catch (error) {
        if (!isStowageError(error)) throw error;
        failed.push({ fileId, error: 'Delete file failed' });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return reply.send({ success: failed.length === 0, deleted, failed });
}

function readFileIds(value: unknown): readonly string[] {
  if (value === undefined || value === null) throw fail('bad_request', { message: 'fileIds is required' });
  if (!Array.isArray(value) || value.some((id) => typeof id !== 'string'))
    throw fail('bad_request', { message: 'fileIds must be an array of strings' });
  const ids = [...new Set((value as string[]).map((id) => id.trim().replace(/^\/+|\/+$/g, '')))].filter((id) => id !== '');
  if (ids.length === 0) throw fail('bad_request', { message: 'fileIds is required' });
  if (ids.length > maxFiles) throw fail('bad_request', { message: `A maximum of ${maxFiles} files can be deleted at once` });
  return ids;
}
