import type { FastifyReply, FastifyRequest } from 'fastify';
import { fail, isStowageError } from '../../core/errors.ts';
import { trimSlashes } from '../../core/path-text.ts';
import { authenticateToken } from '../authenticate.ts';
import type { HttpDeps } from '../deps.ts';
import { findLinked, linkRoots } from '../files/find-file.ts';
import { readJsonObject } from '../json-body.ts';

const maxFiles = 500;
// Paths have 1 KiB; links to them, with every byte percent-encoded, 3 KiB and an origin.
const maxJsonBytes = maxFiles * 4096;
const workers = 10;

/** Upload API 4.4: up to 500 files; what is not gone by it is named, and why. */
export async function deleteBatch(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  await authenticateToken(request.raw, 'delete', deps);
  const named = readFileIds((await readJsonObject(request.raw, { maxBytes: maxJsonBytes })).fileIds);
  const roots = linkRoots(request.raw, deps.settings);
  const found = await atOnce(named, (text) => findLinked(text, roots, deps.files));
  // Two spellings of one file are one deletion, and both are right.
  const ids = [...new Set(found.map((stored) => stored?.file.id))].filter((id) => id !== undefined);
  const removed = new Map(await atOnce(ids, async (id) => [id, await remove(id, deps)] as const));
  // Files that are not there may have been deleted by a request that failed on its way to the disk.
  await deps.metadata.settled({ anew: removed.size < named.length });
  const deleted: string[] = [];
  const failed: { readonly fileId: string; readonly error: string }[] = [];
  for (const [at, text] of named.entries()) {
    const outcome = removed.get(found[at]?.file.id ?? '') ?? 'absent';
    if (outcome === 'removed') deleted.push(trimSlashes(text));
    else failed.push({ fileId: trimSlashes(text), error: outcome === 'absent' ? 'File not found' : 'Delete file failed' });
  }
  return reply.send({ success: failed.length === 0, deleted, failed });
}

async function remove(id: string, { files }: HttpDeps): Promise<'removed' | 'absent' | 'failed'> {
  try {
    return (await files.remove(id)) ? 'removed' : 'absent';
  } catch (error) {
    if (!isStowageError(error)) throw error;
    return 'failed';
  }
}

async function atOnce<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const next = items.entries();
  const worker = async (): Promise<void> => {
    for (const [at, item] of next) results[at] = await work(item);
  };
  await Promise.all(Array.from({ length: workers }, worker));
  return results;
}

function readFileIds(value: unknown): readonly string[] {
  if (value === undefined || value === null) throw fail('bad_request', { message: 'fileIds is required' });
  if (!Array.isArray(value) || value.some((id) => typeof id !== 'string'))
    throw fail('bad_request', { message: 'fileIds must be an array of strings' });
  const texts = (value as string[]).map((id) => id.trim()).filter((id) => trimSlashes(id) !== '');
  const named = [...new Map(texts.map((text) => [trimSlashes(text), text])).values()];
  if (named.length === 0) throw fail('bad_request', { message: 'fileIds is required' });
  if (named.length > maxFiles) throw fail('bad_request', { message: `A maximum of ${maxFiles} files can be deleted at once` });
  return named;
}
