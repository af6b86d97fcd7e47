import type { FastifyReply, FastifyRequest } from 'fastify';
import { allPermissions, type Caller } from '../../core/access.ts';
import { fail } from '../../core/errors.ts';
import type { Permission, TokenRecord } from '../../core/metadata.ts';
import { cleanText } from '../../core/path-text.ts';
import { authenticateToken } from '../authenticate.ts';
import type { HttpDeps } from '../deps.ts';
import { readJsonObject } from '../json-body.ts';
import { queryOf } from '../upload/query.ts';

/** What clients of the Upload API expect tokens to look like. */
const defaultPrefix = 'imgbed_';
const maxLabelBytes = 255;

export async function listApiTokens(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  await authenticateToken(request.raw, 'manage', deps);
  await deps.metadata.tokens.removeExpired(deps.now());
  const tokens = await deps.metadata.tokens.list();
  return reply.send({ tokens: tokens.map((record) => present(record)) });
}

export async function createApiToken(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  const caller = await authenticateToken(request.raw, 'manage', deps);
  const body = await readJsonObject(request.raw);
  const { name, permissions } = body;
  if (!isText(name) || !Array.isArray(permissions))
    return sayMissing(reply, { name: isText(name), permissions: Array.isArray(permissions) });
  const { token, record } = await deps.access.createToken({
    name: readLabel(name, 'name'),
    owner: typeof body.owner === 'string' ? readLabel(body.owner, 'owner') : '',
    permissions: grantable(permissions, caller),
    expiresAt: grantableExpiry(body.expiresAt, caller),
    autoDelete: body.autoDelete === true,
    prefix: readPrefix(body.prefix),
  });
  return reply.send(present(record, token));
}

export async function updateApiToken(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  const caller = await authenticateToken(request.raw, 'manage', deps);
  const body = await readJsonObject(request.raw);
  const { tokenId, permissions } = body;
  if (!isText(tokenId) || !Array.isArray(permissions))
    return sayMissing(reply, { tokenId: isText(tokenId), permissions: Array.isArray(permissions) });
  const known = await deps.metadata.tokens.get(tokenId);
  if (known === undefined) return reply.send({ error: 'Token 不存在' });
  grantable(known.permissions, caller);
  const updated = await deps.metadata.tokens.update(known.id, {
    permissions: grantable(permissions, caller),
    // Upload API 4.6: an absent expiry clears it.
    expiresAt: grantableExpiry(body.expiresAt, caller),
    autoDelete: typeof body.autoDelete === 'boolean' ? body.autoDelete : known.autoDelete,
    updatedAt: deps.now(),
  });
  return reply.send({ success: true, message: 'Token 已更新', tokenId: known.id, token: updated && present(updated) });
}

export async function deleteApiToken(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  const caller = await authenticateToken(request.raw, 'manage', deps);
  const { id } = queryOf(request.url);
  if (!id) return reply.code(400).send({ error: '缺少Token ID', message: 'Missing: id' });
  const known = await deps.metadata.tokens.get(id);
  if (known === undefined) return reply.send({ error: 'Token 不存在' });
  grantable(known.permissions, caller);
  await deps.metadata.tokens.remove(id);
  return reply.send({ success: true, message: 'Token 已删除' });
}

/** What people call a token stands in every line of the log that it makes. */
function readLabel(text: string, field: string): string {
  if (Buffer.byteLength(text) <= maxLabelBytes && cleanText(text) === text.normalize('NFC')) return text;
  throw fail('validation_error', {
    message: `${field} must have at most ${maxLabelBytes} bytes, and nothing that cannot be seen, such as a line break.`,
  });
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Upload API 4.6: the sentence is part of the wire; the `message` beside it, an addition of ours, names the missing fields. */
function sayMissing(reply: FastifyReply, given: Readonly<Record<string, boolean>>): FastifyReply {
  const missing = Object.entries(given).flatMap(([name, isThere]) => (isThere ? [] : [name]));
  return reply.code(400).send({ error: '缺少必要参数', message: `Missing: ${missing.join(', ')}` });
}

function present(record: TokenRecord, token?: string) {
  const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
  return {
    id: record.id,
    name: record.name,
    owner: record.owner,
    permissions: record.permissions,
    createdAt: iso(record.createdAt),
    updatedAt: iso(record.updatedAt),
    token: token ?? `${record.prefix}...`,
    expiresAt: iso(record.expiresAt),
    autoDelete: record.autoDelete,
    lastUsedAt: iso(record.lastUsedAt),
  };
}

/** Callers cannot grant, change or revoke permissions that they do not have. */
function grantable(wanted: readonly unknown[], caller: Caller): readonly Permission[] {
  const permissions = [...new Set(wanted)].map((name) => allPermissions.find((permission) => permission === name));
  if (permissions.includes(undefined) || permissions.length === 0) {
    throw fail('validation_error', { message: `permissions must be some of ${allPermissions.join(', ')}.` });
  }
  const known = permissions.filter((permission) => permission !== undefined);
  const beyond = known.filter((permission) => !caller.permissions.has(permission));
  if (beyond.length > 0)
    throw fail('insufficient_scope', { message: `Your token does not have the permission ${beyond.join(', ')}.` });
  return known;
}

/** Nor can they give a token a longer life than their own has. */
function grantableExpiry(value: unknown, caller: Caller): number | null {
  const expiresAt = readExpiry(value);
  const ownEnd = caller.token?.expiresAt ?? null;
  if (ownEnd !== null && (expiresAt === null || expiresAt > ownEnd))
    throw fail('insufficient_scope', { message: 'Your token expires before that.' });
  return expiresAt;
}

function readExpiry(value: unknown): number | null {
  if (value === undefined || value === null || value === '') return null;
  const at = typeof value === 'number' ? value : Date.parse(typeof value === 'string' ? value : '');
  if (!Number.isFinite(new Date(at).getTime()))
    throw fail('validation_error', { message: 'expiresAt must be an ISO 8601 time.' });
  return Math.trunc(at);
}

function readPrefix(value: unknown): string {
  if (value === undefined || value === null) return defaultPrefix;
  if (typeof value === 'string' && /^[A-Za-z0-9_-]{0,32}$/.test(value)) return value;
  throw fail('validation_error', { message: 'prefix must be at most 32 letters, digits, _ or -.' });
}
