import { route } from '../route.ts';
import { docsPage, docsPolicy } from './docs-page.ts';
import { text } from './shared-schemas.ts';

export const getDocs = route({
  id: 'getDocs',
  method: ['GET', 'HEAD'],
  path: '/docs',
  permission: 'public',
  tag: 'Operations',
  summary: 'This document as a page',
  description: 'Everything it loads comes from this server.',
  answers: {
    200: {
      description: 'A page that loads nothing from other hosts.',
      content: { 'text/html': { schema: text } },
    },
  },
  handler: ({ reply }) =>
    reply
      .header('content-security-policy', docsPolicy)
      .header('cache-control', 'no-cache')
      .header('referrer-policy', 'no-referrer')
      .header('x-content-type-options', 'nosniff')
      .type('text/html; charset=utf-8')
      .send(docsPage),
});
