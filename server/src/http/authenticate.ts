import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { Caller, Credentials } from '../core/access/access.ts';
import { fail } from '../core/errors.ts';
import type { Permission } from '../core/metadata.ts';
import { type OriginSettings, requestOrigin } from './client-address.ts';
import type { HttpDeps } from './deps.ts';
import { note } from './request-notes.ts';
import type { Context } from './route.ts';

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
 * Media API and management: `Authorization: Bearer` (the scheme in any case), or the bare token.
 */
export function authenticateToken(
  request: FastifyRequest,
  permission: Permission | 'any',
  { access }: AuthDeps,
): Promise<Caller> {
  const token = tokenOf(request.raw);
  if (token === undefined) {
    return Promise.reject(fail('unauthorized', { message: noKey }));
  }
  const credentials = { token, address: request.ip };
  return noted(request.raw, access.authenticate(credentials, permission));
}

/**
 * Upload API 1.3: a token, otherwise `authCode` from the query, the Referer's query, the header or
 * the cookie.
 */
export function authenticateUpload(
  request: FastifyRequest,
  permission: Permission | 'any',
  { access, settings }: AuthDeps,
): Promise<Caller> {
  const credentials: Credentials = {
    token: tokenOf(request.raw),
    authCodes: authCodesOf(request.raw, settings),
    address: request.ip,
  };
  return noted(request.raw, access.authenticate(credentials, permission));
}

/** For an API whose callers have tokens. */
export function byToken(
  { request, deps }: Context,
  permission: Permission | 'any',
): Promise<Caller> {
  return authenticateToken(request, permission, deps);
}

/** For an API that accepts the upload code as well. */
export function byTokenOrCode(
  { request, deps }: Context,
  permission: Permission | 'any',
): Promise<Caller> {
  return authenticateUpload(request, permission, deps);
}

async function noted(request: IncomingMessage, authenticated: Promise<Caller>): Promise<Caller> {
  const caller = await authenticated;
  note(request, { caller });
  return caller;
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
