import { z } from 'zod';
import { maxPasswordBytes, minPasswordLength } from '../../core/access/passwords.ts';
import { cleanText } from '../../core/naming/path-text.ts';
import { failed } from '../failure.ts';
import { named } from '../openapi/named.ts';
import { json, route } from '../route.ts';
import { setSessionCookie } from '../session-cookies.ts';
import { credentialFailures, signedIn } from './answers.ts';
import { readCredentials, visitorOf } from './read-credentials.ts';

const maxNameLength = 100;

const setUpRequest = named('SetUpRequest', () =>
  z.object({
    secret: z.string().meta({ description: 'What follows `#` in the link.' }),
    username: z.string().min(1).max(maxNameLength),
    password: z.string().min(minPasswordLength),
  }),
);

const usedLink = {
  code: 'insufficient_scope',
  as: 'link',
  message:
    'This link is not valid any more. A restart of the server prints another one while no password is set; `stowage admin set-password` sets one at any time.',
} as const;
const wrongName = {
  code: 'validation_error',
  as: 'name',
  message: `username must have 1 to ${maxNameLength} characters, and nothing that cannot be seen.`,
} as const;
const wrongPassword = {
  code: 'validation_error',
  as: 'password',
  message: `password must have at least ${minPasswordLength} characters, and at most ${maxPasswordBytes} bytes.`,
} as const;

/** Ours: the first visit. */
export const setUp = route({
  id: 'setUp',
  method: 'POST',
  path: '/api/auth/setup',
  permission: 'public',
  tag: 'Sign-in',
  summary: 'Set the first password',
  description:
    'By the link that a start without a password prints. The link works once, for a day. Signs in as `adminLogin` does.',
  request: {
    body: {
      required: true,
      content: json(setUpRequest, {
        first: {
          value: {
            secret: '5f0c'.repeat(16),
            username: 'admin',
            password: 'correct horse battery staple',
          },
        },
      }),
    },
  },
  answers: {
    200: {
      description: 'The password is set.',
      headers: ['Set-Cookie'],
      content: json(signedIn, { done: { value: { success: true } } }),
    },
  },
  failures: [usedLink, wrongName, wrongPassword, ...credentialFailures],
  async handler(context) {
    const { request, reply, deps } = context;
    const names = ['secret', 'username', 'password'] as const;
    const { secret, username: name, password } = await readCredentials(context, names);
    if (name === '' || name.length > maxNameLength || cleanText(name) !== name.normalize('NFC')) {
      throw failed(wrongName);
    }
    if (password.length < minPasswordLength || Buffer.byteLength(password) > maxPasswordBytes) {
      throw failed(wrongPassword);
    }
    const session = await deps.signIn.setUp({ secret, name, password }, visitorOf(request));
    if (session === undefined) {
      throw failed(usedLink);
    }
    setSessionCookie(reply, 'admin', session, { raw: request.raw, settings: deps.settings });
    return reply.send({ success: true });
  },
});
