import { z } from 'zod';
import { jsonFailures } from '../body/json-body.ts';
import { named } from '../openapi/named.ts';
import { json, route } from '../route.ts';
import {
  grantable,
  grantableExpiry,
  grantFailures,
  wantedExpiry,
  wantedPermissions,
} from './grants.ts';
import { isText, missingFields, sendMissingFields } from './missing-fields.ts';
import { apiToken, exampleToken, presentToken, unknownToken } from './present-token.ts';
import { readAuthorizedJson } from './read-authorized-json.ts';

const updateTokenRequest = named('UpdateTokenRequest', () =>
  z.object({
    tokenId: z.string(),
    permissions: wantedPermissions(),
    expiresAt: wantedExpiry().meta({
      description: 'As when creating. Absent: the expiry is removed.',
    }),
    autoDelete: z.boolean().optional(),
  }),
);

const updateTokenAnswer = named('UpdateTokenAnswer', () =>
  z.union([
    z
      .strictObject({
        success: z.literal(true),
        message: z.string(),
        tokenId: z.string(),
        token: apiToken().optional(),
      })
      .meta({ title: 'Changed' }),
    unknownToken.schema(),
  ]),
);

const { id: tokenId } = exampleToken;

export const updateApiToken = route({
  id: 'updateToken',
  method: 'PUT',
  path: '/api/manage/apiTokens',
  permission: 'manage',
  tag: 'Management',
  summary: 'Change an API token',
  description:
    'The permissions are replaced, the rest changes only when it is sent. No token gives another more than it has itself.',
  request: {
    body: {
      required: true,
      content: json(updateTokenRequest, {
        narrower: { value: { tokenId, permissions: ['upload'] } },
      }),
    },
  },
  answers: {
    200: {
      description: 'It is changed; or there is none with this id.',
      content: json(updateTokenAnswer, {
        changed: {
          value: { success: true, message: 'Token 已更新', tokenId, token: exampleToken },
        },
        unknown: unknownToken.example,
      }),
    },
    400: missingFields('tokenId, permissions'),
  },
  failures: [...jsonFailures, ...grantFailures],
  async handler(context) {
    const { reply, deps } = context;
    const { caller, body } = await readAuthorizedJson(context, 'manage');
    const { tokenId, permissions } = body;
    if (!isText(tokenId) || !Array.isArray(permissions)) {
      return sendMissingFields(reply, {
        tokenId: isText(tokenId),
        permissions: Array.isArray(permissions),
      });
    }
    const known = await deps.metadata.tokens.get(tokenId);
    if (known === undefined) {
      return reply.send(unknownToken.example.value);
    }
    grantable(known.permissions, caller);
    const updated = await deps.metadata.tokens.update(known.id, {
      permissions: grantable(permissions, caller),
      // Upload API 4.6: an absent expiry clears it.
      expiresAt: grantableExpiry(body.expiresAt, caller),
      autoDelete: typeof body.autoDelete === 'boolean' ? body.autoDelete : known.autoDelete,
      updatedAt: deps.now(),
    });
    const token = updated && presentToken(updated);
    return reply.send({ success: true, message: 'Token 已更新', tokenId: known.id, token });
  },
});
