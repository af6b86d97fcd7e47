import { z } from 'zod';
import { fail } from '../../core/errors.ts';
import { tooManyGuesses } from '../authenticate.ts';
import { named } from '../openapi/named.ts';
import { json, route } from '../route.ts';
import { setSessionCookie } from '../session-cookies.ts';
import { credentialFailures, signedIn } from './answers.ts';
import { readCredentials, visitorOf } from './read-credentials.ts';

const adminLoginRequest = named('AdminLoginRequest', () =>
  z.object({ username: z.string(), password: z.string() }),
);

/** Upload API 4.9. */
export const adminLogin = route({
  id: 'signInAdmin',
  method: 'POST',
  path: '/api/auth/adminLogin',
  permission: 'public',
  tag: 'Sign-in',
  summary: 'Sign in as administrator',
  description:
    'Sets the cookie `admin_session`, which counts wherever a token does, with every permission.',
  request: {
    body: {
      required: true,
      content: json(adminLoginRequest, {
        admin: { value: { username: 'admin', password: 'correct horse battery staple' } },
      }),
    },
  },
  answers: {
    200: {
      description: 'Signed in.',
      headers: ['Set-Cookie'],
      content: json(signedIn, { done: { value: { success: true } } }),
    },
  },
  failures: ['unauthorized', tooManyGuesses, ...credentialFailures],
  async handler(context) {
    const { request, reply, deps } = context;
    const { username, password } = await readCredentials(context, ['username', 'password']);
    const given = { name: username, password };
    const session = await deps.signIn.byPassword(given, visitorOf(request));
    if (session === undefined) {
      throw fail('unauthorized');
    }
    setSessionCookie(reply, 'admin', session, { raw: request.raw, settings: deps.settings });
    return reply.send({ success: true });
  },
});
