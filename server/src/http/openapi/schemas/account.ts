import { z } from 'zod';
import { allPermissions } from '../../../core/access.ts';
import { timestamp } from './common.ts';
import { answer } from './envelope.ts';

export const permissions = z.array(z.enum(allPermissions));

const scopes = z.array(z.enum(['read', 'write']));

const used = z.int().min(0);

export const meAnswer = answer(
  'MeAnswer',
  z.strictObject({
    api_key: z
      .strictObject({
        id: z.string(),
        key_prefix: z.string().meta({ description: 'The first characters of the token.' }),
        name: z.string(),
        scopes,
        permissions,
        last_used_at: timestamp.nullable(),
        created_at: timestamp,
        expires_at: timestamp.nullable(),
      })
      .meta({ description: 'The token of this request.' }),
    scopes: scopes.meta({ description: 'What the token may do: `read` may list, `write` may upload, delete or manage.' }),
    permissions: permissions.meta({ description: 'The same, exactly.' }),
    user: z.strictObject({ id: z.int(), email: z.string(), name: z.string() }),
    organization: z
      .strictObject({
        id: z.string(),
        name: z.string(),
        subscription_plan: z.string(),
        subscription_status: z.string(),
        subscription_source: z.null(),
        trial_end: z.null(),
        current_period_end: z.null(),
        cancel_at_period_end: z.boolean(),
        entitled: z.boolean(),
      })
      .meta({ description: 'Fixed values for clients that look at a subscription first.' }),
    workspace: z.strictObject({ id: z.string(), name: z.string() }),
    quota: z.strictObject({
      accounts: z.strictObject({ used, limit: z.int() }),
      ai_credits: z.strictObject({ used, limit: z.int(), bonus: z.int() }),
      storage_bytes: z
        .strictObject({ used, limit: z.int().nullable() })
        .meta({ description: 'Bytes on all channels; `limit` is null unless every channel has one.' }),
      team_seats: z.strictObject({ limit: z.int() }),
    }),
    stats: z.strictObject({ posts_last_30d: z.int(), total_posts: z.int() }),
  }),
);

export const accountsAnswer = answer(
  'AccountsAnswer',
  z.strictObject({ accounts: z.array(z.unknown()).max(0), total: z.literal(0) }).meta({ description: 'Always empty.' }),
);

export const platformRulesAnswer = answer(
  'PlatformRulesAnswer',
  z.strictObject({ platforms: z.strictObject({}) }).meta({ description: 'Always empty.' }),
);
