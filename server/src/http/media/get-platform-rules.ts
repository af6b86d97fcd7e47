import { z } from 'zod';
import { json, route } from '../route.ts';
import { envelope } from './envelope.ts';
import { success } from './envelope-schemas.ts';
import { rateHeaders } from './media-schemas.ts';

const platformRulesAnswer = success('PlatformRulesAnswer', () =>
  z.strictObject({ platforms: z.strictObject({}) }).meta({ description: 'Always empty.' }),
);

export const getPlatformRules = route({
  id: 'getPlatformRules',
  method: 'GET',
  path: '/api/v1/platform-rules',
  permission: 'any',
  tag: 'Account',
  summary: 'Rules of social platforms (none)',
  description: 'For clients that expect the address to exist.',
  answers: {
    200: { description: 'No rules.', headers: rateHeaders, content: json(platformRulesAnswer) },
  },
  handler: (context) => context.reply.send(envelope({ platforms: {} }, context)),
});
