import { z } from 'zod';
import { json, route } from '../route.ts';
import { envelope } from './envelope.ts';
import { success } from './envelope-schemas.ts';
import { rateHeaders } from './media-schemas.ts';

const accountsAnswer = success('AccountsAnswer', () =>
  z
    .strictObject({ accounts: z.array(z.unknown()).max(0), total: z.literal(0) })
    .meta({ description: 'Always empty.' }),
);

/** There are no social accounts here, but some clients ask for them to test a key. */
export const getAccounts = route({
  id: 'listAccounts',
  method: 'GET',
  path: '/api/v1/accounts',
  permission: 'any',
  tag: 'Account',
  summary: 'Social accounts (none)',
  description: 'Stowage has none; some clients call this to check a token.',
  answers: {
    200: { description: 'An empty list.', headers: rateHeaders, content: json(accountsAnswer) },
  },
  handler: (context) => context.reply.send(envelope({ accounts: [], total: 0 }, context)),
});
