import type { FastifyReply, FastifyRequest } from 'fastify';
import { fail } from '../../core/errors.ts';
import type { HttpDeps } from '../deps.ts';
import { bodyOf } from '../request-body.ts';
import { refuseEncoded, requireLength } from '../whole-body.ts';
import { directPurpose } from './direct-url.ts';
import { readClaims } from './read-claims.ts';

/** Upload API 3.3: step 2 of a direct upload whose bytes the store has already. They are looked at, so that a hash alone opens nothing. */
export async function receiveDirect(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  const startedAt = deps.now();
  const { id, expiresAt, maxBytes = 0 } = readClaims(request, directPurpose, deps);
  if (startedAt > expiresAt) throw fail('upload_url_expired');
  requireLength(request.raw);
  refuseEncoded(request.raw);
  await deps.direct.receive(id, bodyOf(request.raw, { maxBytes, idleMs: deps.settings.idleTimeoutMs }));
  return reply.code(200).send('');
}
