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
  const answer = new Map<string, { name: string; type: string }[]>(groups.map((group) => [group, []]));
  for (const { group, name, label } of channels) answer.set(group, [...(answer.get(group) ?? []), { name, type: label }]);
  return reply.header('cache-control', 'private, no-store').send(Object.fromEntries(answer));
}
