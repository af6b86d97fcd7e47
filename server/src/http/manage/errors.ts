import type { FastifyReply, FastifyRequest } from 'fastify';
import type { StowageError } from '../../core/errors.ts';
import type { HttpDeps } from '../deps.ts';
import { isFault, retryAfterSeconds, toError } from '../to-error.ts';

/** Errors of management are JSON with `success: false`, except where upstream's clients know a text. */
export function manageErrorHandler({ log }: Pick<HttpDeps, 'log'>) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = toError(thrown);
    const seconds = retryAfterSeconds(error);
    if (seconds !== undefined) reply.header('retry-after', seconds);
    if (isFault(error)) log.error({ requestId: request.id, err: thrown }, 'Management request failed');
    const text = textOf(error, request.routeOptions.url);
    reply.code(error.status);
    if (text !== undefined) return reply.type('text/plain;charset=UTF-8').send(text);
    // Upload API 4.4.
    const message = error.code === 'method_not_allowed' ? 'Method not allowed' : error.message;
    return reply.send({ success: false, error: message, ...(error.details && { details: error.details }) });
  };
}

/** Upload API 4.2 and 4.6. */
function textOf({ status, message }: StowageError, route: string | undefined): string | undefined {
  if (status === 401) return 'You need to login';
  if (status === 403) return message;
  return status === 405 && route === '/api/manage/apiTokens' ? 'Method not allowed' : undefined;
}
