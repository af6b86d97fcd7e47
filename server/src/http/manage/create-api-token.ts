import { z } from 'zod';
import { cleanText } from '../../core/naming/path-text.ts';
import { jsonFailures } from '../body/json-body.ts';
import { failed } from '../failure.ts';
import { named } from '../openapi/named.ts';
import { json, route } from '../route.ts';
import {
  grantable,
  grantableExpiry,
  grantFailures,
  readPrefix,
  wantedExpiry,
  wantedPermissions,
} from './grants.ts';
import { isText, missingFields, sendMissingFields } from './missing-fields.ts';
import { apiToken, exampleToken, presentToken } from './present-token.ts';
import { readAuthorizedJson } from './read-authorized-json.ts';

const maxLabelBytes = 255;

const createTokenRequest = named('CreateTokenRequest', () =>
  z.object({
    name: z
      .string()
      .min(1)
      .max(maxLabelBytes)
      .meta({
        description: `At most ${maxLabelBytes} bytes of UTF-8, without control characters.`,
      }),
    owner: z.string().max(maxLabelBytes).optional().meta({ description: 'As the name.' }),
    permissions: wantedPermissions(),
    expiresAt: wantedExpiry(),
    autoDelete: z
      .boolean()
      .optional()
      .meta({ description: 'Whether the token is removed once it has expired.' }),
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9_-]{0,32}$/)
      .nullish()
      .meta({
        description:
          'What the token begins with: `pe_live_` for clients of the Media API. Default `imgbed_`.',
      }),
  }),
);

const made = { ...exampleToken, token: 'imgbed_0f3a9c1b5d7e8f90a1b2c3d4e5f60718' };

export const createApiToken = route({
  id: 'createToken',
  method: 'POST',
  path: '/api/manage/apiTokens',
  permission: 'manage',
  tag: 'Management',
  summary: 'Create an API token',
  description: 'The only answer that holds the whole token: only its hash is kept.',
  request: {
    body: {
      required: true,
      content: json(createTokenRequest, {
        blog: { value: { name: 'blog', permissions: ['upload', 'list'] } },
      }),
    },
  },
  answers: {
    200: {
      description: 'The token, this once.',
      content: json(apiToken, { made: { value: made } }),
    },
    400: missingFields('name, permissions'),
  },
  failures: [...jsonFailures, ...grantFailures],
  async handler(context) {
    const { reply, deps } = context;
    const { caller, body } = await readAuthorizedJson(context, 'manage');
    const { name, permissions } = body;
    if (!isText(name) || !Array.isArray(permissions)) {
      return sendMissingFields(reply, {
        name: isText(name),
        permissions: Array.isArray(permissions),
      });
    }
    const { token, record } = await deps.access.createToken({
      name: readLabel(name, 'name'),
      owner: typeof body.owner === 'string' ? readLabel(body.owner, 'owner') : '',
      permissions: grantable(permissions, caller),
      expiresAt: grantableExpiry(body.expiresAt, caller),
      autoDelete: body.autoDelete === true,
      prefix: readPrefix(body.prefix),
    });
    return reply.send(presentToken(record, token));
  },
});

/** A token's name appears in every log line of its requests. */
function readLabel(text: string, field: string): string {
  if (Buffer.byteLength(text) <= maxLabelBytes && cleanText(text) === text.normalize('NFC')) {
    return text;
  }
  throw failed({
    code: 'validation_error',
    message: `${field} must have at most ${maxLabelBytes} bytes, and nothing that cannot be seen, such as a line break.`,
  });
}
