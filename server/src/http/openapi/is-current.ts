import type { FastifyReply, FastifyRequest } from 'fastify';
import { preconditionStatus } from '../content/conditional.ts';

const startedAt = Date.now();

/** Whether the caller has these bytes already; sets what is to be said of them either way. */
export function isCurrent(request: FastifyRequest, reply: FastifyReply, etag: string): boolean {
  reply
    .header('etag', etag)
    .header('cache-control', 'no-cache')
    .header('x-content-type-options', 'nosniff');
  return preconditionStatus(request.raw.headers, { etag, lastModifiedAt: startedAt }) === 304;
}
