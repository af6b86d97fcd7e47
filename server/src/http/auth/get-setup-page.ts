import { text } from '../openapi/shared-schemas.ts';
import { route } from '../route.ts';
import { setupPage, setupPolicy } from './setup-page.ts';

export const getSetupPage = route({
  id: 'getSetupPage',
  method: 'GET',
  path: '/setup',
  permission: 'public',
  tag: 'Sign-in',
  summary: 'Page of the first visit',
  description: 'Where the link leads that a start without a password prints.',
  answers: {
    200: {
      description: 'A form that sends `POST /api/auth/setup`.',
      content: { 'text/html': { schema: text } },
    },
  },
  handler: ({ reply }) =>
    reply
      .header('content-security-policy', setupPolicy)
      .header('referrer-policy', 'no-referrer')
      .header('x-content-type-options', 'nosniff')
      .type('text/html; charset=utf-8')
      .send(setupPage),
});
