import type { ServerResponse } from 'node:http';
import { fail, type StowageError } from '../../core/errors.ts';
import type { HttpDeps } from '../deps.ts';
import { retryAfterSeconds, toError } from '../to-error.ts';
import { errorPage, pagePolicy, wantsPage } from './error-page.ts';

interface FileError {
  readonly thrown: unknown;
  readonly requestId: string;
  /** What every answer of this route carries. */
  readonly headers: Readonly<Record<string, number | string | string[] | undefined>>;
}

/** Upload API 4.8: errors as text, to people as a page. Written to the raw response, because reads leave the framework once they begin. */
export function sayFileError(
  response: ServerResponse,
  { thrown, requestId, headers }: FileError,
  { log }: Pick<HttpDeps, 'log'>,
): void {
  const error = toError(thrown);
  if (error.status >= 500) log.error({ requestId, err: error.cause ?? error, code: error.code }, 'Could not read a file');
  const text = `Error: ${publicMessage(error)}`;
  const isPage = wantsPage(response.req.headers);
  const body = isPage ? errorPage(error.status, text) : text;
  const seconds = retryAfterSeconds(error);
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value as string);
  const own: Record<string, string | number> = {
    'content-type': isPage ? 'text/html; charset=utf-8' : 'text/plain;charset=UTF-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(isPage && { 'content-security-policy': pagePolicy }),
    ...(seconds !== undefined && { 'retry-after': seconds }),
  };
  response.writeHead(error.status, own);
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** Reading is public: the words of a backend (its address, its bucket) belong in the log. */
function publicMessage({ code, message }: StowageError): string {
  return code.startsWith('channel_') ? fail(code).message : message;
}
