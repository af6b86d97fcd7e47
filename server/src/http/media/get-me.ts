import { z } from 'zod';
import type { Caller } from '../../core/access/access.ts';
import { permissionList, timestamp } from '../openapi/shared-schemas.ts';
import { json, route } from '../route.ts';
import { envelope } from './envelope.ts';
import { success } from './envelope-schemas.ts';
import { rateHeaders } from './media-schemas.ts';

const scopes = () => z.array(z.enum(['read', 'write']));

const used = () => z.int().min(0);

const meAnswer = success('MeAnswer', () =>
  z.strictObject({
    api_key: z
      .strictObject({
        id: z.string(),
        key_prefix: z.string().meta({ description: 'The first characters of the token.' }),
        name: z.string(),
        scopes: scopes(),
        permissions: permissionList(),
        last_used_at: timestamp.nullable(),
        created_at: timestamp,
        expires_at: timestamp.nullable(),
      })
      .meta({ description: 'The token of this request.' }),
    scopes: scopes().meta({
      description: 'What the token may do: `read` may list, `write` may upload, delete or manage.',
    }),
    permissions: permissionList().meta({ description: 'The same, exactly.' }),
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
      .meta({ description: 'Fixed values for clients that check a subscription first.' }),
    workspace: z.strictObject({ id: z.string(), name: z.string() }),
    quota: z.strictObject({
      accounts: z.strictObject({ used: used(), limit: z.int() }),
      ai_credits: z.strictObject({ used: used(), limit: z.int(), bonus: z.int() }),
      storage_bytes: z.strictObject({ used: used(), limit: z.int().nullable() }).meta({
        description: 'Bytes on all channels; `limit` is null unless every channel has one.',
      }),
      team_seats: z.strictObject({ limit: z.int() }),
    }),
    stats: z.strictObject({ posts_last_30d: z.int(), total_posts: z.int() }),
  }),
);

/** Media API 1.2: what clients ask first, to see whether a key works. */
export const getMe = route({
  id: 'getMe',
  method: 'GET',
  path: '/api/v1/me',
  permission: 'any',
  tag: 'Account',
  summary: 'Who am I',
  description:
    'The token of this request, what it may do, and how much is stored. The quickest way to check a token.',
  answers: {
    200: { description: 'The token works.', headers: rateHeaders, content: json(meAnswer) },
  },
  async handler(context) {
    const { reply, deps, caller } = context;
    const iso = (at: number | null | undefined): string | null =>
      at == null ? null : new Date(at).toISOString();
    const { token } = caller;
    const usage = await Promise.all(
      deps.pool.all().map((channel) => deps.metadata.files.usage(channel.id)),
    );
    const limits = deps.pool.all().map((channel) => channel.quota?.limitBytes);
    const limit = limits.every((bytes) => bytes !== undefined)
      ? Math.floor(limits.reduce((sum, bytes) => sum + (bytes ?? 0), 0))
      : null;
    const data = {
      api_key: token && {
        id: token.id,
        key_prefix: token.prefix,
        name: token.name,
        scopes: scopesOf(caller),
        permissions: token.permissions,
        last_used_at: iso(token.lastUsedAt),
        created_at: iso(token.createdAt),
        expires_at: iso(token.expiresAt),
      },
      scopes: scopesOf(caller),
      permissions: [...caller.permissions],
      // Strict clients want a text here, and tokens have no address.
      user: { id: 1, email: 'owner@localhost', name: token?.owner || token?.name || 'owner' },
      organization: {
        id: 'stowage',
        name: 'Stowage',
        subscription_plan: 'self-hosted',
        subscription_status: 'active',
        subscription_source: null,
        trial_end: null,
        current_period_end: null,
        cancel_at_period_end: false,
        entitled: true,
      },
      workspace: { id: 'default', name: 'Library' },
      quota: {
        accounts: { used: 0, limit: 0 },
        ai_credits: { used: 0, limit: 0, bonus: 0 },
        storage_bytes: { used: usage.reduce((sum, { bytes }) => sum + bytes, 0), limit },
        team_seats: { limit: 1 },
      },
      stats: { posts_last_30d: 0, total_posts: 0 },
    };
    return reply.send(envelope(data, context));
  },
});

/** In the words of the Media API. */
function scopesOf({ permissions }: Caller): readonly string[] {
  const writes = ['upload', 'delete', 'manage'] as const;
  const scopes: string[] = permissions.has('list') ? ['read'] : [];
  if (writes.some((one) => permissions.has(one))) {
    scopes.push('write');
  }
  return scopes;
}
