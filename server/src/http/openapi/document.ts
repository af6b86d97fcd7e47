import { z } from 'zod';
import packageJson from '../../../package.json' with { type: 'json' };
import type { Api } from '../api.ts';
import { type HeaderName, headers } from './headers.ts';
import { namedSchemas, refTo } from './named.ts';
import type { Access, Answer, Content, Operation, ParameterPlace } from './operation.ts';
import { operationsOf } from './operations.ts';
import { tags } from './tags.ts';
import { tidy } from './tidy.ts';

export interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
  readonly components: Readonly<Record<string, object>>;
}

/**
 * The OpenAPI 3.1 description of all requests and responses, generated from the schemas that the
 * server uses. `path` is the prefix that a proxy adds to all addresses, with a slash at both ends.
 */
export function openApiDocument(apis: readonly Api[], path = '/'): OpenApiDocument {
  return tidy({
    openapi: '3.1.1',
    info: {
      title: 'Stowage',
      version: packageJson.version,
      summary: 'Self-hosted media upload gateway',
      description: intro,
      contact: { name: 'The owner of this server' },
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: path, description: 'This server' }],
    tags,
    security: [{ token: [] }],
    paths: paths(operationsOf(apis)),
    components: { schemas: namedSchemas(), headers, securitySchemes },
  });
}

const intro = `Two upload APIs over one library of files: files uploaded through either are visible in both.

**Media API** (\`/api/v1\`): get an upload URL, send the bytes there, complete. Every response is JSON in one envelope: \`data\`, \`error\`, \`meta\`. Decide by \`error.code\`; \`error.retryable\` is true when the same request may work later.

**Upload API** (\`/upload\`): one POST stores a file and returns its link. Errors are a line of text.

**Limits.** The Media API allows 60 requests a minute and 1,000 an hour per token unless configured otherwise; the headers \`X-RateLimit-*\` of every response to a known token show the state (requests with an unknown token, address or method are not counted). Sending bytes to an upload URL does not count.

**Errors** have three shapes:

| address | body |
|---|---|
| \`/api/v1\`, \`/relay\` and unknown addresses | JSON: \`data: null\`, \`error: { code, message, retryable, details }\`, \`meta\` |
| \`/upload\`, \`/file\` | a line of text that begins with \`Error:\` |
| \`/api/manage\`, \`/metrics\`, \`/upload/huggingface\` | JSON: \`error\` with the sentence |

**Files** are read at \`/file/...\`; the link is all that is needed.`;

const securitySchemes = {
  token: {
    type: 'http',
    scheme: 'bearer',
    description: 'An API token: `Authorization: Bearer <token>`.',
  },
  adminSession: {
    type: 'apiKey',
    in: 'cookie',
    name: 'admin_session',
    description: 'Set by `POST /api/auth/adminLogin`: every permission.',
  },
  userSession: {
    type: 'apiKey',
    in: 'cookie',
    name: 'user_session',
    description: 'Set by `POST /api/auth/login`: the permission `upload`.',
  },
  authCode: {
    type: 'apiKey',
    in: 'header',
    name: 'authCode',
    description: 'The upload code, where one is configured.',
  },
  authCodeQuery: {
    type: 'apiKey',
    in: 'query',
    name: 'authCode',
    description: 'The same in the query.',
  },
  authCodeCookie: {
    type: 'apiKey',
    in: 'cookie',
    name: 'authCode',
    description: 'The same as a cookie.',
  },
};

const security: Readonly<Record<Access, readonly object[]>> = {
  token: [{ token: [] }, { adminSession: [] }, { userSession: [] }],
  upload: [
    { token: [] },
    { adminSession: [] },
    { userSession: [] },
    { authCode: [] },
    { authCodeQuery: [] },
    { authCodeCookie: [] },
  ],
  local: [{ token: [] }, { adminSession: [] }, {}],
  none: [],
};

function paths(all: readonly Operation[]): Record<string, Record<string, object>> {
  const found: Record<string, Record<string, object>> = {};
  for (const operation of all) {
    found[operation.path] = { ...found[operation.path], [operation.method]: describe(operation) };
  }
  return found;
}

function describe({
  id,
  tag,
  summary,
  description,
  access,
  parameters = {},
  body,
  answers,
}: Operation): object {
  return {
    operationId: id,
    tags: [tag],
    summary,
    description,
    security: security[access],
    parameters: Object.entries(parameters).flatMap(([place, schema]) =>
      schema === undefined ? [] : parametersOf(place as ParameterPlace, schema),
    ),
    requestBody: body && { required: body.required, content: contents(body.content) },
    responses: Object.fromEntries(
      Object.entries(answers).map(([status, answer]) => [status, response(answer)]),
    ),
  };
}

function parametersOf(place: ParameterPlace, schema: z.ZodObject): readonly object[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' });
  return Object.entries(properties).map(([name, property]) => {
    const { description, example, ...rest } = property as Record<string, unknown>;
    return {
      name,
      in: place,
      required: required.includes(name),
      description,
      schema: rest,
      example,
    };
  });
}

function response({ description, headers: names = [], content }: Answer): object {
  return {
    description,
    headers: names.length > 0 ? headersOf(names) : undefined,
    content: content && contents(content),
  };
}

function headersOf(names: readonly HeaderName[]): object {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function contents(all: Readonly<Record<string, Content>>): object {
  return Object.fromEntries(
    Object.entries(all).map(([mediaType, { schema, examples }]) => [
      mediaType,
      { schema: refTo(schema), examples },
    ]),
  );
}
