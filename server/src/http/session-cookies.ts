import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { SessionSecrets } from '../core/access/access.ts';
import type { BegunSession } from '../core/access/sessions.ts';
import { type OriginSettings, requestOrigin } from './address/request-origin.ts';

export type CookieKind = keyof SessionSecrets;

export const cookieKinds = ['admin', 'user'] as const satisfies readonly CookieKind[];

/** Cookies of one name for several paths arrive together. More than these are made up. */
const maxOfKind = 3;

/** Undefined when the request has none. */
export function sessionSecrets({ cookie }: IncomingHttpHeaders): SessionSecrets | undefined {
  if (cookie === undefined) {
    return undefined;
  }
  const found = { admin: cookiesOf(cookie, 'admin'), user: cookiesOf(cookie, 'user') };
  return found.admin.length + found.user.length === 0 ? undefined : found;
}

function cookiesOf(cookie: string, kind: CookieKind): readonly string[] {
  const pattern = new RegExp(`(?:^|;)\\s*${kind}_session=([0-9a-f]{64})(?=\\s*(?:;|$))`, 'g');
  return [...cookie.matchAll(pattern)].map(([, secret = '']) => secret).slice(0, maxOfKind);
}

interface SetOn {
  readonly raw: IncomingMessage;
  readonly settings: OriginSettings;
}

/** Upload API 4.9. */
export function setSessionCookie(
  reply: FastifyReply,
  kind: CookieKind,
  { secret, ttlMs }: Pick<BegunSession, 'secret' | 'ttlMs'>,
  on: SetOn,
): void {
  addCookie(reply, `${kind}_session=${secret}`, Math.floor(ttlMs / 1000), on);
}

export function clearSessionCookie(reply: FastifyReply, kind: CookieKind, on: SetOn): void {
  addCookie(reply, `${kind}_session=`, 0, on);
}

function addCookie(reply: FastifyReply, pair: string, maxAge: number, { raw, settings }: SetOn) {
  const secure = requestOrigin(raw, settings).startsWith('https:') ? '; Secure' : '';
  reply.header(
    'set-cookie',
    `${pair}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAge}${secure}`,
  );
}
