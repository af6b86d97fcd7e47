import { z } from 'zod';
import { tooManyGuesses } from '../authenticate.ts';
import { failed } from '../failure.ts';
import { named } from '../openapi/named.ts';
import { queryOf } from '../query.ts';
import { json, route } from '../route.ts';
import { visitorOf } from './read-credentials.ts';

const resetAnswer = named('ResetAnswer', () =>
  z.strictObject({
    success: z.literal(true),
    message: z.string(),
    sessionsCleared: z.strictObject({ admin: z.int(), user: z.int() }),
  }),
);

const message =
  'All sessions are ended. Sign in again; an administrator whose password is not in the configuration sets a new one by the link of the next start, or by `stowage admin set-password`.';
const notConfigured = {
  code: 'insufficient_scope',
  as: 'reset-off',
  message: 'RESET_KEY not configured. Set it in the environment of the server, and restart it.',
} as const;
const wrongKey = {
  code: 'insufficient_scope',
  as: 'reset-key',
  message: 'Invalid reset key',
} as const;

/** Upload API 4.9. */
export const resetAuth = route({
  id: 'resetSignIn',
  method: 'GET',
  path: '/api/auth/resetAuth',
  permission: 'public',
  tag: 'Sign-in',
  summary: 'End all sessions',
  description:
    'By the key of the setting `admin.resetKey` (`RESET_KEY`). Forgets the password of the administrator too, unless that is in the configuration.',
  request: {
    query: () => z.object({ key: z.string().meta({ description: 'The reset key.' }) }),
  },
  answers: {
    200: {
      description: 'They are ended.',
      content: json(resetAnswer, {
        done: { value: { success: true, message, sessionsCleared: { admin: 1, user: 2 } } },
      }),
    },
  },
  failures: [notConfigured, wrongKey, tooManyGuesses],
  async handler({ request, reply, deps }) {
    if (!deps.signIn.canReset) {
      throw failed(notConfigured);
    }
    const { key = '' } = queryOf(request.url);
    const sessionsCleared = await deps.signIn.reset(key, visitorOf(request));
    if (sessionsCleared === undefined) {
      throw failed(wrongKey);
    }
    return reply.send({ success: true, message, sessionsCleared });
  },
});
