import { z } from 'zod';
import { jsonFailuresUpTo } from '../../body/json-body.ts';
import { named } from '../../openapi/named.ts';
import { json, route } from '../../route.ts';
import { readAuthorizedJson } from '../read-authorized-json.ts';
import { badTags, tagRequest } from './file-tags.ts';
import { changedTags, readTagChange } from './tag-text.ts';
import { findNamed } from './target.ts';

const maxJsonBytes = 4 * 1024 * 1024;

const tagFilesRequest = named('TagFilesRequest', () =>
  z.object({ fileIds: z.array(z.string()).min(1), ...tagRequest() }),
);
const tagFilesAnswer = named('TagFilesAnswer', () =>
  z.strictObject({
    success: z.boolean(),
    total: z.int(),
    updated: z.int(),
    errors: z.array(z.strictObject({ fileId: z.string(), error: z.string() })),
  }),
);

const noIds = { error: 'Invalid fileIds format', message: 'fileIds must be an array of strings' };

/** Upload API 4.5. */
export const tagFiles = route({
  id: 'setTagsOfFiles',
  method: 'POST',
  path: '/api/manage/tags/batch',
  permission: 'manage',
  tag: 'Management',
  summary: 'Set, add or remove tags of many files',
  description: 'One after the other; 207 when some are not there. Needs the permission `manage`.',
  request: {
    body: {
      required: true,
      content: json(tagFilesRequest, {
        add: { value: { fileIds: ['a/b.jpg'], action: 'add', tags: ['holiday'] } },
      }),
    },
  },
  answers: {
    200: {
      description: 'All have their tags.',
      content: json(tagFilesAnswer, {
        all: { value: { success: true, total: 1, updated: 1, errors: [] } },
      }),
    },
    207: {
      description: 'Some have.',
      content: json(tagFilesAnswer, {
        some: {
          value: {
            success: false,
            total: 1,
            updated: 0,
            errors: [{ fileId: 'a/none.jpg', error: 'File not found' }],
          },
        },
      }),
    },
    400: badTags,
  },
  failures: jsonFailuresUpTo(maxJsonBytes),
  async handler(context) {
    const { reply, deps } = context;
    const { body } = await readAuthorizedJson(context, 'manage', { maxBytes: maxJsonBytes });
    const { fileIds } = body;
    const change = readTagChange(body);
    if ('refusal' in change) {
      return reply.code(400).send(change.refusal);
    }
    if (!Array.isArray(fileIds) || fileIds.some((id) => typeof id !== 'string')) {
      return reply.code(400).send(noIds);
    }
    const tags = (present: readonly string[]) => changedTags(present, change);
    const errors: { readonly fileId: string; readonly error: string }[] = [];
    for (const fileId of fileIds as string[]) {
      const stored = await findNamed(context, fileId);
      const file =
        stored && (await deps.metadata.library.update(stored.file.id, { tags, at: deps.now() }));
      if (file === undefined) {
        errors.push({ fileId, error: 'File not found' });
      }
    }
    const total = fileIds.length;
    return reply.code(errors.length === 0 ? 200 : 207).send({
      success: errors.length === 0,
      total,
      updated: total - errors.length,
      errors,
    });
  },
});
