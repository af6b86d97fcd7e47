import { z } from 'zod';
import { named } from '../openapi/named.ts';
import { json, route } from '../route.ts';
import { cookieKinds, sessionSecrets } from '../session-cookies.ts';

const required = () => ({
  adminRequired: z.literal(true).meta({ description: 'Management always needs a sign-in.' }),
  userRequired: z
    .boolean()
    .meta({ description: 'Whether uploads need one: not when anonymous uploads are allowed.' }),
});

const sessionState = named('SessionState', () =>
  z.union([
    z
      .strictObject({ valid: z.literal(true), authType: z.enum(cookieKinds), ...required() })
      .meta({ title: 'Signed in' }),
    z.strictObject({ valid: z.literal(false), ...required() }).meta({ title: 'Not signed in' }),
  ]),
);

/** Upload API 4.9. */
export const sessionCheck = route({
  id: 'checkSession',
  method: 'GET',
  path: '/api/auth/sessionCheck',
  permission: 'public',
  tag: 'Sign-in',
  summary: 'Whether a session is valid',
  description: 'That of the cookies of this request; an administrator counts before a user.',
  answers: {
    200: {
      description: 'What is signed in, and what has to be.',
      content: json(sessionState, {
        admin: {
          value: { valid: true, authType: 'admin', adminRequired: true, userRequired: true },
        },
        none: { value: { valid: false, adminRequired: true, userRequired: true } },
      }),
    },
  },
  async handler({ request, reply, deps }) {
    const needs = { adminRequired: true, userRequired: !deps.settings.allowAnonymousUploads };
    const none = { admin: [], user: [] };
    const session = await deps.access.findSession(sessionSecrets(request.headers) ?? none);
    if (session !== undefined) {
      return reply.send({ valid: true, authType: session.kind, ...needs });
    }
    // No answer is made without the database, also for a request without a cookie.
    await deps.signIn.hasAccount();
    return reply.send({ valid: false, ...needs });
  },
});
