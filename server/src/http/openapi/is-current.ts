import type { FastifyReply, FastifyRequest } from 'fastify';
import { preconditionStatus } from '../content/conditional.ts';

const startedAt = Date.now();

/** Whether the caller already has these bytes. Sets the caching headers in either case. */
export function isCurrent(request: FastifyRequest, reply: FastifyReply, etag: string): boolean {
  reply
    .header('etag', etag)
    .header('cache-control', 'no-cache')
    .header('x-content-type-options', 'nosniff');
  return preconditionStatus(request.raw.headers, { etag, lastModifiedAt: startedAt }) === 304;
}
