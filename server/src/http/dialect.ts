import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import type { StowageError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Context } from './route.ts';
import { isFault, retryAfterSeconds, toError } from './to-error.ts';

/** How an API renders errors, for callers and in the examples of the document. */
export interface Dialect {
  render(error: StowageError, facts: Facts): ErrorResponse;
  /** Schema of the JSON that `render` returns. Absent when it returns only text. */
  readonly schema?: () => z.ZodType;
  /** Logs further facts. */
  trace?(error: StowageError, facts: Facts, log: Log): void;
}

/** Facts beside the error that a response may depend on. */
export interface Facts {
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Path of the route as written in its file. Undefined when no route matched. */
  readonly route: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

export interface ErrorResponse {
  /** Default: the error's own. */
  readonly status?: number | undefined;
  /** Text, or an object that is sent as JSON. */
  readonly body: string | object;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Rendered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string;
}

/** Responds with an error in the dialect, and logs it when the server is at fault. */
export function sendError(thrown: unknown, dialect: Dialect, context: Context): FastifyReply {
  const { status, headers, body } = render(thrown, dialect, context);
  return context.reply.code(status).headers(headers).send(body);
}

/** The same for responses that bypass Fastify. */
export function render(
  thrown: unknown,
  dialect: Dialect,
  { request, deps: { log, now } }: Context,
): Rendered {
  const error = toError(thrown);
  if (isFault(error)) {
    log.error(
      { requestId: request.id, code: error.code, err: error.cause ?? error },
      'Request failed',
    );
  }
  const facts = {
    requestId: request.id,
    at: now(),
    route: request.routeOptions.url,
    headers: request.headers,
  };
  dialect.trace?.(error, facts, log);
  return renderError(error, dialect, facts);
}

export function renderError(error: StowageError, dialect: Dialect, facts: Facts): Rendered {
  const rendered = dialect.render(error, facts);
  const { status = error.status, body } = rendered;
  const isText = typeof body === 'string';
  const headers: Record<string, string | number> = {
    'content-type': isText ? 'text/plain;charset=UTF-8' : 'application/json; charset=utf-8',
    'cache-control': 'no-store',
  };
  const seconds = retryAfterSeconds(error);
  if (seconds !== undefined) {
    headers['retry-after'] = seconds;
  }
  if (status === 401) {
    headers['www-authenticate'] = 'Bearer';
  }
  return {
    status,
    headers: { ...headers, ...rendered.headers },
    body: isText ? body : JSON.stringify(body),
  };
}
