import type { FastifyRequest } from 'fastify';
import { fail } from '../../core/errors.ts';
import type { HttpDeps } from '../deps.ts';
import type { UrlClaims } from '../signed-url.ts';
import { queryOf } from '../upload/query.ts';

/** What the signature in the address allows. Throws `invalid_signature` for one of another upload or another purpose. */
export function readClaims(request: FastifyRequest, purpose: string, { signer }: Pick<HttpDeps, 'signer'>): UrlClaims {
  const { id } = request.params as { id: string };
  const claims = signer.verify(queryOf(request.url).sig ?? '', purpose);
  if (claims.id !== id) throw fail('invalid_signature');
  return claims;
}
