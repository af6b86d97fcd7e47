import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { jsonFailures } from '../../body/json-body.ts';
import { named } from '../../openapi/named.ts';
import { json, type RouteAnswer, route } from '../../route.ts';
import { readAuthorizedJson } from '../read-authorized-json.ts';
import { changedTags, readTagChange, tagActions } from './tag-text.ts';
import { findTarget, targetText } from './target.ts';

const prefix = '/api/manage/tags/';
const path = '/api/manage/tags/*';

export const tagRequest = () => ({
  action: z.enum(tagActions).optional().meta({ description: 'Default `set`.' }),
  tags: z
    .array(z.string())
    .meta({ description: 'Letters, digits, `_`, `-`, CJK, kana, hangul; kept in lower case.' }),
});
const setTagsRequest = named('SetTagsRequest', () => z.object(tagRequest()));
const tagsAnswer = named('TagsAnswer', () =>
  z.strictObject({
    success: z.literal(true),
    fileId: z.string(),
    action: z.enum(tagActions).optional(),
    tags: z.array(z.string()),
  }),
);
const tagRefusal = named('TagRefusal', () =>
  z.strictObject({
    error: z.string(),
    message: z.string().optional(),
    invalidTags: z.array(z.string()).optional(),
    fileId: z.string().optional(),
  }),
);

export const badTags: RouteAnswer = {
  description: 'The tags or the action are not valid.',
  content: json(tagRefusal, {
    action: {
      value: { error: 'Invalid action', message: 'Action must be one of: set, add, remove' },
    },
  }),
};
const noFile: RouteAnswer = {
  description: 'There is no such file.',
  content: json(tagRefusal, { none: { value: { error: 'File not found', fileId: 'a/b.jpg' } } }),
};
const params = () =>
  z.object({
    path: z
      .string()
      .meta({ description: 'Path of the file, also as one component (`a%2Fb.jpg`).' }),
  });

export const getTags = route({
  id: 'getFileTags',
  method: 'GET',
  path,
  permission: 'manage',
  tag: 'Management',
  summary: 'Tags of a file',
  description: 'Needs the permission `manage`.',
  request: { params },
  answers: {
    200: {
      description: 'Its tags.',
      content: json(tagsAnswer, {
        one: { value: { success: true, fileId: 'a/b.jpg', tags: ['holiday'] } },
      }),
    },
    404: noFile,
  },
  async handler(context) {
    const stored = await findTarget(context, prefix);
    if (stored === undefined) {
      return sendNoFile(context.reply, targetText(context, prefix));
    }
    const { path: fileId, tags } = stored.file;
    return context.reply.send({ success: true, fileId, tags });
  },
});

/** Upload API 4.5. */
export const setTags = route({
  id: 'setFileTags',
  method: 'POST',
  path,
  permission: 'manage',
  tag: 'Management',
  summary: 'Set, add or remove tags of a file',
  description: 'Needs the permission `manage`.',
  request: {
    params,
    body: {
      required: true,
      content: json(setTagsRequest, { add: { value: { action: 'add', tags: ['holiday'] } } }),
    },
  },
  answers: {
    200: {
      description: 'Its tags now.',
      content: json(tagsAnswer, {
        one: { value: { success: true, fileId: 'a/b.jpg', action: 'add', tags: ['holiday'] } },
      }),
    },
    400: badTags,
    404: noFile,
  },
  failures: jsonFailures,
  async handler(context) {
    const { reply, deps } = context;
    const { body } = await readAuthorizedJson(context, 'manage');
    const change = readTagChange(body);
    if ('refusal' in change) {
      return reply.code(400).send(change.refusal);
    }
    const stored = await findTarget(context, prefix);
    const tags = (present: readonly string[]) => changedTags(present, change);
    const file =
      stored && (await deps.metadata.library.update(stored.file.id, { tags, at: deps.now() }));
    return file === undefined
      ? sendNoFile(reply, targetText(context, prefix))
      : reply.send({
          success: true,
          fileId: file.path,
          action: change.action,
          tags: file.tags,
        });
  },
});

function sendNoFile(reply: FastifyReply, fileId: string): FastifyReply {
  return reply.code(404).send({ error: 'File not found', fileId });
}
