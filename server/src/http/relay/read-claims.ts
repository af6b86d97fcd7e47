import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { fail } from '../../core/errors.ts';
import type { HttpDeps } from '../deps.ts';
import { queryOf } from '../query.ts';
import type { UrlClaims } from '../signed-url.ts';

export const signature = () =>
  z.object({ sig: z.string().meta({ description: 'Part of the address that step 1 returned.' }) });

/**
 * What the signature in the address allows. Throws `invalid_signature` for one of another upload or
 * another purpose.
 */
export function readClaims(
  request: FastifyRequest,
  purpose: string,
  { signer }: Pick<HttpDeps, 'signer'>,
): UrlClaims {
  const { id } = request.params as { id: string };
  const claims = signer.verify(queryOf(request.url).sig ?? '', purpose);
  if (claims.id !== id) {
    throw fail('invalid_signature');
  }
  return claims;
}
