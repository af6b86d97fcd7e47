import { z } from 'zod';
import { jsonFailures, readOptionalJsonObject } from '../body/json-body.ts';
import { failed } from '../failure.ts';
import { foreignPage, isForeign } from '../foreign-page.ts';
import { named } from '../openapi/named.ts';
import { text } from '../openapi/shared-schemas.ts';
import { type Context, json, route } from '../route.ts';
import {
  type CookieKind,
  clearSessionCookie,
  cookieKinds,
  sessionSecrets,
} from '../session-cookies.ts';

const logoutRequest = named('LogoutRequest', () =>
  z.object({
    authType: z.enum(cookieKinds).optional().meta({ description: 'Default: both kinds.' }),
  }),
);

/** Upload API 4.9. */
export const logout = route({
  id: 'signOut',
  method: 'POST',
  path: '/api/auth/logout',
  permission: 'public',
  tag: 'Sign-in',
  summary: 'Sign out',
  description: 'Ends the sessions of the cookies of this request, and clears the cookies.',
  request: {
    body: {
      required: false,
      content: json(logoutRequest, { admin: { value: { authType: 'admin' } } }),
    },
  },
  answers: {
    200: {
      description: 'Signed out.',
      headers: ['Set-Cookie'],
      content: { 'text/plain': { schema: text, examples: { done: { value: 'Logged out' } } } },
    },
  },
  failures: [foreignPage, ...jsonFailures],
  async handler(context) {
    const { request, reply, deps } = context;
    if (isForeign(request.raw, deps.settings)) {
      throw failed(foreignPage);
    }
    const body = await readOptionalJsonObject(request.raw);
    const kinds = cookieKinds.filter((kind) => kind === body.authType);
    for (const kind of kinds.length === 0 ? cookieKinds : kinds) {
      await endSession(context, kind);
      clearSessionCookie(reply, kind, { raw: request.raw, settings: deps.settings });
    }
    return reply.type('text/plain;charset=UTF-8').send('Logged out');
  },
});

async function endSession({ request, deps }: Context, kind: CookieKind): Promise<void> {
  const secrets = sessionSecrets(request.headers)?.[kind] ?? [];
  for (const secret of secrets) {
    const session = await deps.sessions.find([secret], kind);
    if (session !== undefined) {
      await deps.sessions.end(session.id);
    }
  }
}
