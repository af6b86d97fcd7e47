import type { FastifyReply, FastifyRequest } from 'fastify';
import { isStowageError } from '../../core/errors.ts';
import { authenticateUpload } from '../authenticate.ts';
import type { HttpDeps } from '../deps.ts';
import { queryOf } from './query.ts';

/** Upload API 4.1: these keys are always there. */
const groups = ['telegram', 'cfr2', 's3', 'discord', 'huggingface', 'webdav'] as const;

export async function getChannels(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  try {
    await authenticateUpload(request.raw, 'any', deps);
  } catch (error) {
    if (!isStowageError(error, 'unauthorized')) throw error;
    return reply.code(401).header('cache-control', 'no-store').send({ error: 'Unauthorized' });
  }
  const all = queryOf(request.url).includeDisabled === 'true';
  const channels = all ? deps.pool.all() : await deps.pool.available();
  const answer: Record<string, { name: string; type: string }[]> = Object.fromEntries(groups.map((group) => [group, []]));
  for (const { group, name, label } of channels) {
    const listed = answer[group] ?? [];
    listed.push({ name, type: label });
    answer[group] = listed;
  }
  return reply.header('cache-control', 'private, no-store').send(answer);
}
