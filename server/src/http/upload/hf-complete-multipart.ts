import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Json } from '../../core/bytes.ts';
import { fail, isStowageError } from '../../core/errors.ts';
import { authenticateUpload } from '../authenticate.ts';
import type { HttpDeps } from '../deps.ts';
import { readJsonObject } from '../json-body.ts';
import { requestSignal } from '../request-signal.ts';
import { sayDirectError } from './hf-wire.ts';
import { queryOf } from './query.ts';

/** Upload API 3.3: passes the list of parts on to the hub. The signature in the address, made in step 1, is enough. */
export async function completeMultipart(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  const { target, channelName, sig } = queryOf(request.url);
  const isSigned = target && channelName && sig && isValid({ target, channelName, sig }, deps);
  if (!isSigned) await authenticateUpload(request.raw, 'upload', deps);
  try {
    if (!target) throw fail('bad_request', { message: 'Missing target URL' });
    // Without the signature the target could be any address: what we did not issue is not called.
    if (!isSigned) throw fail('bad_request', { message: 'Invalid multipart completion target' });
    const body = readCompletion(await readJsonObject(request.raw));
    return reply.send(
      await deps.direct.completeMultipart(deps.direct.channelId(channelName), target, body, requestSignal(request.raw)),
    );
  } catch (error) {
    return sayDirectError(error, reply, deps, request);
  }
}

interface Signed {
  readonly target: string;
  readonly channelName: string;
  readonly sig: string;
}

/** A signature that is wrong in any way counts as none: then credentials are asked for. */
function isValid({ target, channelName, sig }: Signed, { signer, direct, now }: HttpDeps): boolean {
  try {
    const claims = signer.verify(sig, 'hf-complete');
    return claims.id === `${direct.channelId(channelName)} ${target}` && claims.expiresAt > now();
  } catch (error) {
    if (isStowageError(error, 'invalid_signature') || isStowageError(error, 'not_found')) return false;
    throw error;
  }
}

function readCompletion(body: Readonly<Record<string, unknown>>): Json {
  const { oid, parts } = body;
  if (typeof oid !== 'string' || !Array.isArray(parts))
    throw fail('bad_request', { message: 'Invalid multipart completion payload' });
  const valid = parts.every((part) => Number.isSafeInteger(part?.partNumber) && typeof part?.etag === 'string');
  if (!valid || parts.length === 0) throw fail('bad_request', { message: 'Invalid multipart parts' });
  return { oid, parts: parts.map(({ partNumber, etag }) => ({ partNumber, etag })) };
}
