import { z } from 'zod';
import { named } from '../named.ts';
import { permissions } from './account.ts';
import { timestamp } from './common.ts';

const wantedPermissions = permissions.min(1).meta({ description: 'At most what the calling token holds.' });
const expiresAt = z
  .union([z.iso.datetime({ offset: true }), z.number()])
  .nullish()
  .meta({ description: 'ISO 8601, or milliseconds since 1970. Absent, null or empty: never.' });

export const createTokenRequest = named(
  'CreateTokenRequest',
  z.object({
    name: z.string().min(1).max(255).meta({ description: 'At most 255 bytes of UTF-8, without control characters.' }),
    owner: z.string().max(255).optional().meta({ description: 'As the name.' }),
    permissions: wantedPermissions,
    expiresAt,
    autoDelete: z.boolean().optional().meta({ description: 'Whether the token is removed once it has expired.' }),
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9_-]{0,32}$/)
      .nullish()
      .meta({ description: 'What the token begins with: `pe_live_` for clients of the Media API. Default `imgbed_`.' }),
  }),
);

export const updateTokenRequest = named(
  'UpdateTokenRequest',
  z.object({
    tokenId: z.string(),
    permissions: wantedPermissions,
    expiresAt: expiresAt.meta({ description: 'As when creating. Absent: the expiry is removed.' }),
    autoDelete: z.boolean().optional(),
  }),
);

export const apiToken = named(
  'ApiToken',
  z.strictObject({
    id: z.string(),
    name: z.string(),
    owner: z.string(),
    permissions,
    createdAt: timestamp,
    updatedAt: timestamp,
    token: z.string().meta({ description: 'Whole in the answer that creates it, never again; else its first characters.' }),
    expiresAt: timestamp.nullable(),
    autoDelete: z.boolean(),
    lastUsedAt: timestamp.nullable(),
  }),
);

export const apiTokens = named('ApiTokens', z.strictObject({ tokens: z.array(apiToken) }));

/** Upload API 4.6: a token that is not there is a 200 with an error in it. */
const unknownToken = named('UnknownToken', z.strictObject({ error: z.string() }).meta({ title: 'No such token' }));

export const updateTokenAnswer = named(
  'UpdateTokenAnswer',
  z.union([
    z
      .strictObject({ success: z.literal(true), message: z.string(), tokenId: z.string(), token: apiToken.optional() })
      .meta({ title: 'Changed' }),
    unknownToken,
  ]),
);

export const deleteTokenAnswer = named(
  'DeleteTokenAnswer',
  z.union([z.strictObject({ success: z.literal(true), message: z.string() }).meta({ title: 'Revoked' }), unknownToken]),
);

export const deleteFileAnswer = named(
  'DeleteFileAnswer',
  z.strictObject({
    success: z.literal(true),
    fileId: z.string().meta({ description: 'Path of the file.' }),
    deleted: z.literal(false).optional().meta({ description: 'Only there when there was no such file.' }),
  }),
);

const fileId = z
  .string()
  .meta({ description: 'Path of a file, as in its link behind `/file/`.', example: 'img/test/abc123_image.jpg' });

export const deleteBatchRequest = named('DeleteBatchRequest', z.object({ fileIds: z.array(fileId).min(1).max(500) }));

export const deleteBatchAnswer = named(
  'DeleteBatchAnswer',
  z.strictObject({
    success: z.boolean().meta({ description: 'Whether all of them are gone by this call.' }),
    deleted: z.array(fileId),
    failed: z.array(z.strictObject({ fileId, error: z.string() })),
  }),
);

export const testChannelAnswer = named(
  'TestChannelAnswer',
  z.strictObject({
    success: z.boolean(),
    channel: z.strictObject({ id: z.string(), type: z.string(), name: z.string() }),
    steps: z
      .array(
        z.strictObject({
          step: z.enum(['check', 'put', 'get', 'range', 'delete', 'gone']),
          ok: z.boolean(),
          durationMs: z.number(),
          error: z.string().optional().meta({ description: 'What went wrong, in the words of the store.' }),
        }),
      )
      .meta({ description: 'In order; ends at the first that fails.' }),
  }),
);

export const manageError = named(
  'ManageError',
  z.strictObject({
    success: z.literal(false).optional(),
    error: z.string(),
    message: z.string().optional(),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
);
