import { z } from 'zod';
import { fail } from '../../core/errors.ts';
import { tooManyGuesses } from '../authenticate.ts';
import { named } from '../openapi/named.ts';
import { text } from '../openapi/shared-schemas.ts';
import { json, route } from '../route.ts';
import { setSessionCookie } from '../session-cookies.ts';
import { credentialFailures } from './answers.ts';
import { readCredentials, visitorOf } from './read-credentials.ts';

const loginRequest = named('LoginRequest', () => z.object({ authCode: z.string() }));

/** Upload API 4.9. */
export const login = route({
  id: 'signIn',
  method: 'POST',
  path: '/api/auth/login',
  permission: 'public',
  tag: 'Sign-in',
  summary: 'Sign in with the upload code',
  description:
    'Sets the cookie `user_session`, which counts wherever a token does, with the permission `upload`.',
  request: {
    body: {
      required: true,
      content: json(loginRequest, { code: { value: { authCode: 'd1b2c3a4e5f6' } } }),
    },
  },
  answers: {
    200: {
      description: 'Signed in.',
      headers: ['Set-Cookie'],
      content: { 'text/plain': { schema: text, examples: { done: { value: 'Login success' } } } },
    },
  },
  failures: ['unauthorized', tooManyGuesses, ...credentialFailures],
  async handler(context) {
    const { request, reply, deps } = context;
    const { authCode } = await readCredentials(context, ['authCode']);
    const session = await deps.signIn.byCode(authCode, visitorOf(request));
    if (session === undefined) {
      throw fail('unauthorized');
    }
    setSessionCookie(reply, 'user', session, { raw: request.raw, settings: deps.settings });
    return reply.type('text/plain;charset=UTF-8').send('Login success');
  },
});
