import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { ListType } from '../../../core/metadata.ts';
import { jsonFailures } from '../../body/json-body.ts';
import { failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { type Context, json, type Method, type Route, route } from '../../route.ts';
import { readAuthorizedJson } from '../read-authorized-json.ts';
import { findTarget } from './target.ts';

const listTypes = ['None', 'Block', 'White'] as const satisfies readonly ListType[];

const accessRequest = named('AccessRequest', () => z.object({ listType: z.enum(listTypes) }));
const accessAnswer = named('AccessAnswer', () =>
  z.strictObject({ success: z.literal(true), listType: z.enum(listTypes) }),
);

const notFound = { code: 'not_found', message: 'File not found' } as const;
const noList = {
  code: 'bad_request',
  message: `listType must be one of ${listTypes.join(', ')}.`,
} as const;
const anyMethod: readonly Method[] = ['POST', 'GET', 'PUT', 'PATCH', 'DELETE'];
const params = () => z.object({ path: z.string().meta({ description: 'Path of the file.' }) });
const answers = (listType: ListType) => ({
  200: {
    description: 'It is on this list.',
    content: json(accessAnswer, { one: { value: { success: true, listType } } }),
  },
});

/** Upload API 4.5, by any method. */
export const blockFile = listRoute('block', 'Block', 'Nobody but its managers can read the file.');
export const whiteFile = listRoute('white', 'White', 'The file can be read, whatever its label.');

/** Ours: the way back to no list. */
export const setAccess = route({
  id: 'setFileAccess',
  method: 'POST',
  path: '/api/manage/access/*',
  permission: 'manage',
  tag: 'Management',
  summary: 'Put a file on the block list, the white list or neither',
  description: '`None` takes it off both. Needs the permission `manage`.',
  request: {
    params,
    body: {
      required: true,
      content: json(accessRequest, { none: { value: { listType: 'None' } } }),
    },
  },
  answers: answers('None'),
  failures: [...jsonFailures, noList, notFound],
  undecodable: notFound,
  async handler(context) {
    const { body } = await readAuthorizedJson(context, 'manage');
    const listType = listTypes.find((type) => type === body.listType);
    if (listType === undefined) {
      throw failed(noList);
    }
    return put(context, { prefix: '/api/manage/access/', listType });
  },
});

function listRoute(name: 'block' | 'white', listType: ListType, effect: string): Route {
  const prefix = `/api/manage/${name}/`;
  return route({
    id: `${name}File`,
    method: anyMethod,
    path: `${prefix}*`,
    permission: 'manage',
    changes: true,
    tag: 'Management',
    summary: `Put a file on the ${name} list`,
    description: `${effect} GET, PUT, PATCH and DELETE do the same. Needs the permission \`manage\`.`,
    request: { params },
    answers: answers(listType),
    failures: [notFound],
    undecodable: notFound,
    handler: (context) => put(context, { prefix, listType }),
  });
}

async function put(
  context: Context,
  { prefix, listType }: { readonly prefix: string; readonly listType: ListType },
): Promise<FastifyReply> {
  const { reply, deps } = context;
  const stored = await findTarget(context, prefix);
  const file =
    stored && (await deps.metadata.library.update(stored.file.id, { listType, at: deps.now() }));
  if (file === undefined) {
    throw failed(notFound);
  }
  return reply.send({ success: true, listType });
}
