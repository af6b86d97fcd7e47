import type { Operation } from '../operation.ts';
import { accountsAnswer, meAnswer, platformRulesAnswer } from '../schemas/account.ts';
import { mediaAnswers, rateHeaders } from './media-answers.ts';

const base = '/api/v1';
const tag = 'Account';

/** What clients of the Media API ask before anything else. */
export const accountOperations: readonly Operation[] = [
  {
    id: 'getMe',
    method: 'get',
    path: `${base}/me`,
    tag,
    summary: 'Who am I',
    description:
      'The token of this request, what it may do, and how much is stored. The quickest way to see whether a token works.',
    access: 'token',
    answers: mediaAnswers(
      {
        200: {
          description: 'The token works.',
          headers: rateHeaders,
          content: { 'application/json': { schema: meAnswer } },
        },
      },
      [],
    ),
  },
  {
    id: 'listAccounts',
    method: 'get',
    path: `${base}/accounts`,
    tag,
    summary: 'Social accounts (none)',
    description: 'Stowage has none; some clients ask to see whether a token works.',
    access: 'token',
    answers: mediaAnswers(
      {
        200: {
          description: 'An empty list.',
          headers: rateHeaders,
          content: { 'application/json': { schema: accountsAnswer } },
        },
      },
      [],
    ),
  },
  {
    id: 'getPlatformRules',
    method: 'get',
    path: `${base}/platform-rules`,
    tag,
    summary: 'Rules of social platforms (none)',
    description: 'For clients that expect the address to exist.',
    access: 'token',
    answers: mediaAnswers(
      {
        200: {
          description: 'No rules.',
          headers: rateHeaders,
          content: { 'application/json': { schema: platformRulesAnswer } },
        },
      },
      [],
    ),
  },
];
