import { z } from 'zod';
import type { TokenRecord } from '../../core/metadata.ts';
import { named } from '../openapi/named.ts';
import { permissionList, timestamp } from '../openapi/shared-schemas.ts';

export const apiToken = named('ApiToken', () =>
  z.strictObject({
    id: z.string(),
    name: z.string(),
    owner: z.string(),
    permissions: permissionList(),
    createdAt: timestamp,
    updatedAt: timestamp,
    token: z.string().meta({
      description:
        'The whole token in the response that creates it; its first characters in every other.',
    }),
    expiresAt: timestamp.nullable(),
    autoDelete: z.boolean(),
    lastUsedAt: timestamp.nullable(),
  }),
);

export const exampleToken = {
  id: '019aab3c-6f00-7c2e-9d41-5b8f3a7e1c02',
  name: 'blog',
  owner: '',
  permissions: ['upload', 'list'],
  createdAt: '2026-04-10T12:00:00.000Z',
  updatedAt: '2026-04-10T12:00:00.000Z',
  token: 'imgbed_0f3a9c1b...',
  expiresAt: null,
  autoDelete: false,
  lastUsedAt: null,
};

/** `token`: the whole text, when it was just created. */
export function presentToken(record: TokenRecord, token?: string) {
  const iso = (at: number | null): string | null =>
    at === null ? null : new Date(at).toISOString();
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

/** Upload API 4.6: an unknown token is a 200 with an error in it. */
export const unknownToken = {
  schema: named('UnknownToken', () =>
    z.strictObject({ error: z.string() }).meta({ title: 'No such token' }),
  ),
  example: { summary: 'There is none with this id', value: { error: 'Token 不存在' } },
};
