import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../core/access.ts';
import type { HttpDeps } from '../deps.ts';
import { envelope } from './envelope.ts';

/** Media API 1.2: what clients ask first, to see whether a key works. */
export async function getMe(request: FastifyRequest, reply: FastifyReply, caller: Caller, deps: HttpDeps): Promise<FastifyReply> {
  const iso = (at: number | null | undefined): string | null => (at == null ? null : new Date(at).toISOString());
  const { token } = caller;
  const usage = await Promise.all(deps.pool.all().map((channel) => deps.metadata.files.usage(channel.id)));
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
  return reply.send(envelope(data, request, deps));
}

/** In the words of the Media API. */
function scopesOf({ permissions }: Caller): readonly string[] {
  const writes = ['upload', 'delete', 'manage'] as const;
  return [...(permissions.has('list') ? ['read'] : []), ...(writes.some((one) => permissions.has(one)) ? ['write'] : [])];
}

/** There are no social accounts here, but some clients ask for them to test a key. */
export function getAccounts(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): FastifyReply {
  return reply.send(envelope({ accounts: [], total: 0 }, request, deps));
}

export function getPlatformRules(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): FastifyReply {
  return reply.send(envelope({ platforms: {} }, request, deps));
}
