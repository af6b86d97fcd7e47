import type { FastifyReply, FastifyRequest } from 'fastify';
import type { StowageError } from '../../core/errors.ts';
import type { HttpDeps } from '../deps.ts';
import { retryAfterSeconds, toError } from '../to-error.ts';

/** Where the Media API lives: canonical, short, and bare for clients whose base address already ends in one of the others. */
export const mediaBases = ['/api/v1', '/v1', '', '/api/v1/api/v1'] as const;

const mediaPaths =
  /^\/(api\/v1(\/|$|\?)|v1(\/|$|\?)|media(\/|$|\?)|me(\/|$|\?)|accounts(\/|$|\?)|platform-rules(\/|$|\?)|relay\/)/;

/** Whether clients of the Media API would call this address, so that even "no such address" must come in the envelope. */
export function speaksMedia(url: string): boolean {
  return mediaPaths.test(url);
}

interface Meta {
  readonly request_id: string;
  readonly timestamp: string;
}

interface ErrorBody {
  readonly message: string;
  readonly code: string;
  readonly retryable: boolean;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly retryAfter?: number;
  readonly retry_after?: number;
}

export type Envelope =
  | { readonly data: object; readonly error: null; readonly meta: Meta }
  | { readonly data: null; readonly error: ErrorBody; readonly meta: Meta };

export function envelope(data: object, request: FastifyRequest, { now }: Pick<HttpDeps, 'now'>): Envelope {
  return { data, error: null, meta: metaOf(request, now()) };
}

/** Media API 1.3: every failure in the envelope, `Retry-After` in whole seconds. */
export function mediaErrorHandler({ log, now }: Pick<HttpDeps, 'log' | 'now'>) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = toError(thrown);
    if (error.status >= 500) log.error({ requestId: request.id, code: error.code, err: error.cause ?? error }, 'Request failed');
    const seconds = retryAfterSeconds(error);
    if (seconds !== undefined) reply.header('retry-after', seconds);
    if (error.status === 401) reply.header('www-authenticate', 'Bearer');
    const body: Envelope = { data: null, error: errorBody(error, seconds), meta: metaOf(request, now()) };
    return reply.code(error.status).header('cache-control', 'no-store').send(body);
  };
}

/** Names that the wire notes give to codes of ours. */
const wireCodes: Readonly<Record<string, string>> = { too_large: 'file_too_large' };

/** The `error` of the envelope; `seconds` is the value of Retry-After. */
export function errorBody(error: StowageError, seconds: number | undefined): ErrorBody {
  const { message, code, retryable, details } = error;
  return {
    message,
    code: wireCodes[code] ?? code,
    retryable,
    ...(details && { details: wireDetails(details) }),
    ...(seconds !== undefined && { retryAfter: seconds, retry_after: seconds }),
  };
}

/** The limit has one name, wherever it was noticed. */
function wireDetails({ maxBytes, ...details }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return maxBytes === undefined ? details : { max_size: maxBytes, ...details };
}

function metaOf(request: FastifyRequest, at: number): Meta {
  return { request_id: request.id, timestamp: new Date(at).toISOString() };
}
