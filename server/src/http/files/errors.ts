import { fail, type StowageError } from '../../core/errors.ts';
import { type Dialect, type ErrorResponse, render } from '../dialect.ts';
import type { Context } from '../route.ts';
import { errorPage, pagePolicy, wantsPage } from './error-page.ts';

/** Upload API 4.8: errors as text, for people as a page. */
export const filesDialect: Dialect = {
  render(error, { headers }): ErrorResponse {
    const text = `Error: ${publicMessage(error)}`;
    if (!wantsPage(headers)) {
      return { body: text, headers: { 'x-content-type-options': 'nosniff' } };
    }
    return {
      body: errorPage(error.status, text),
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': pagePolicy,
        'x-content-type-options': 'nosniff',
      },
    };
  },
};

/** Writes to the raw response, because reads bypass Fastify once they begin. */
export function sendErrorRaw(thrown: unknown, context: Context): void {
  const { request, reply } = context;
  const { status, headers, body } = render(thrown, filesDialect, context);
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) {
      reply.raw.setHeader(name, value);
    }
  }
  reply.raw.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  reply.raw.end(request.method === 'HEAD' ? undefined : body);
}

/** Reading is public. Details of a backend (its address, its bucket) belong in the log. */
function publicMessage({ code, message }: StowageError): string {
  return code.startsWith('channel_') ? fail(code).message : message;
}
