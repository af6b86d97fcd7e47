import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { Caller, Credentials } from '../core/access/access.ts';
import { fail, isStowageError } from '../core/errors.ts';
import { type OriginSettings, requestOrigin } from './address/request-origin.ts';
import type { HttpDeps } from './deps.ts';
import { failed } from './failure.ts';
import { foreignPage, isForeign } from './foreign-page.ts';
import { note } from './request-notes.ts';
import type { Context, Need } from './route.ts';
import { sessionSecrets } from './session-cookies.ts';

const noKey = 'No API key. Send Authorization: Bearer <key>.';

/** The failure of `Access` after too many guesses. */
export const tooManyGuesses = {
  code: 'rate_limit_exceeded',
  as: 'guessing',
  message: 'Too many wrong credentials. Try again later.',
  retryAfterMs: 900_000,
} as const;

type AuthDeps = Pick<HttpDeps, 'access' | 'settings'>;

/**
 * Media API and management: `Authorization: Bearer` (the scheme in any case), or the bare token;
 * otherwise a session.
 */
export function authenticateToken(
  request: FastifyRequest,
  need: Need,
  deps: AuthDeps,
): Promise<Caller> {
  return authenticate(request, need, { token: tokenOf(request.raw) }, deps);
}

/**
 * Upload API 1.3: a token, otherwise a session, otherwise `authCode` from the query, the Referer's
 * query, the header or the cookie.
 */
export function authenticateUpload(
  request: FastifyRequest,
  need: Need,
  deps: AuthDeps,
): Promise<Caller> {
  const token = tokenOf(request.raw);
  const authCodes = authCodesOf(request.raw, deps.settings);
  return authenticate(request, need, { token, authCodes }, deps);
}

/** For an API whose callers have tokens. */
export function byToken({ request, deps }: Context, need: Need): Promise<Caller> {
  return authenticateToken(request, need, deps);
}

/** For an API that accepts the upload code as well. */
export function byTokenOrCode({ request, deps }: Context, need: Need): Promise<Caller> {
  return authenticateUpload(request, need, deps);
}

/**
 * The one place that decides whether a cookie counts. Browsers send cookies with requests of
 * foreign pages too, so for what changes something, only those of our own pages count.
 */
async function authenticate(
  request: FastifyRequest,
  { permission, changes }: Need,
  found: Pick<Credentials, 'token' | 'authCodes'>,
  { access, settings }: AuthDeps,
): Promise<Caller> {
  const sessions = sessionSecrets(request.headers);
  if (found.token === undefined && found.authCodes === undefined && sessions === undefined) {
    throw fail('unauthorized', { message: noKey });
  }
  const isRefused =
    sessions !== undefined &&
    (changes === true || !isSafe(request.method)) &&
    isForeign(request.raw, settings);
  const credentials = {
    ...found,
    address: request.ip,
    sessions: isRefused ? undefined : sessions,
  };
  try {
    const caller = await access.authenticate(credentials, permission);
    note(request.raw, { caller });
    return caller;
  } catch (error) {
    const isTheOnlyReason = isRefused && isStowageError(error, 'unauthorized');
    if (isTheOnlyReason && (await access.findSession(sessions)) !== undefined) {
      throw failed(foreignPage);
    }
    throw error;
  }
}

function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

function tokenOf({ headers }: IncomingMessage): string | undefined {
  return headers.authorization?.replace(/^bearer\s+/i, '').trim() || undefined;
}

function authCodesOf(request: IncomingMessage, settings: OriginSettings): readonly string[] {
  const { url, headers } = request;
  const header = headers.authcode;
  return [
    codeInQuery(url),
    codeInQuery(headers.referer),
    Array.isArray(header) ? header[0] : header,
    isOwnPage(request, settings) ? codeInCookie(headers.cookie) : undefined,
  ].filter((code) => code !== undefined && code !== null && code !== '') as string[];
}

/**
 * Browsers send a cookie with requests of foreign pages too. Programs other than browsers send no
 * Origin.
 */
function isOwnPage(request: IncomingMessage, settings: OriginSettings): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (site === 'cross-site') {
    return false;
  }
  return origin === undefined || origin === new URL(requestOrigin(request, settings)).origin;
}

function codeInQuery(url: string | undefined): string | null {
  const at = url?.indexOf('?') ?? -1;
  return url === undefined || at < 0 ? null : new URLSearchParams(url.slice(at)).get('authCode');
}

function codeInCookie(cookie: string | undefined): string | undefined {
  const found = /(?:^|;)\s*authCode=([^;]*)/.exec(cookie ?? '')?.[1];
  if (found === undefined) {
    return undefined;
  }
  try {
    return decodeURIComponent(found);
  } catch {
    return found;
  }
}
