import { z } from 'zod';
import { fail, isStowageError } from '../../core/errors.ts';
import { trimSlashes } from '../../core/naming/path-text.ts';
import { jsonFailuresUpTo } from '../body/json-body.ts';
import type { HttpDeps } from '../deps.ts';
import { failed } from '../failure.ts';
import { findLinked, linkRoots } from '../files/find-file.ts';
import { named } from '../openapi/named.ts';
import { json, route } from '../route.ts';
import { readAuthorizedJson } from './read-authorized-json.ts';

const maxFiles = 500;
// Paths have 1 KiB. Links to them, with every byte percent-encoded, have 3 KiB and an origin.
const maxJsonBytes = maxFiles * 4096;
const workers = 10;

const fileId = () =>
  z.string().meta({
    description: 'Path of a file, as in its link behind `/file/`.',
    example: 'img/test/abc123_image.jpg',
  });

const deleteBatchRequest = named('DeleteBatchRequest', () =>
  z.object({ fileIds: z.array(fileId()).min(1).max(maxFiles) }),
);

const deleteBatchAnswer = named('DeleteBatchAnswer', () =>
  z.strictObject({
    success: z.boolean().meta({ description: 'Whether all of them are gone by this call.' }),
    deleted: z.array(fileId()),
    failed: z.array(z.strictObject({ fileId: fileId(), error: z.string() })),
  }),
);

const path = 'img/test/abc123_image.jpg';
const none = { code: 'bad_request', as: 'missing', message: 'fileIds is required' } as const;
const tooMany = {
  code: 'bad_request',
  as: 'many',
  message: `A maximum of ${maxFiles} files can be deleted at once`,
} as const;

/** Upload API 4.4: up to 500 files. Lists every file that could not be deleted, with the reason. */
export const deleteBatch = route({
  id: 'deleteFiles',
  method: 'POST',
  path: '/api/manage/delete/batch',
  permission: 'delete',
  tag: 'Management',
  summary: 'Delete up to 500 files',
  description:
    'By paths, or by links as `src` and `publicUrl` show them. What was not deleted is named in `failed`, files that are not there included; the rest is gone. Needs the permission `delete`.',
  request: {
    body: {
      required: true,
      content: json(deleteBatchRequest, { one: { value: { fileIds: [path] } } }),
    },
  },
  answers: {
    200: {
      description: 'What became of each.',
      content: json(deleteBatchAnswer, {
        one: { value: { success: true, deleted: [path], failed: [] } },
        absent: {
          value: {
            success: false,
            deleted: [path],
            failed: [{ fileId: 'img/none.jpg', error: 'File not found' }],
          },
        },
      }),
    },
  },
  failures: [...jsonFailuresUpTo(maxJsonBytes), none, tooMany],
  async handler(context) {
    const { request, reply, deps } = context;
    const { body } = await readAuthorizedJson(context, 'delete', { maxBytes: maxJsonBytes });
    const texts = readFileIds(body.fileIds);
    const roots = linkRoots(request.raw, deps.settings);
    const found = await atOnce(texts, (text) => findLinked(text, roots, deps.files));
    // Two spellings of one file are one deletion, and both count as deleted.
    const ids = [...new Set(found.map((stored) => stored?.file.id))].filter(
      (id) => id !== undefined,
    );
    const removed = new Map(await atOnce(ids, async (id) => [id, await remove(id, deps)] as const));
    // Missing files may have been deleted by a request that failed to reach the disk.
    await deps.metadata.settled({ force: removed.size < texts.length });
    const deleted: string[] = [];
    const kept: { readonly fileId: string; readonly error: string }[] = [];
    for (const [at, text] of texts.entries()) {
      const outcome = removed.get(found[at]?.file.id ?? '') ?? 'absent';
      if (outcome === 'removed') {
        deleted.push(trimSlashes(text));
      } else {
        kept.push({
          fileId: trimSlashes(text),
          error: outcome === 'absent' ? 'File not found' : 'Delete file failed',
        });
      }
    }
    return reply.send({ success: kept.length === 0, deleted, failed: kept });
  },
});

async function remove(id: string, { files }: HttpDeps): Promise<'removed' | 'absent' | 'failed'> {
  try {
    return (await files.remove(id)) ? 'removed' : 'absent';
  } catch (error) {
    if (!isStowageError(error)) {
      throw error;
    }
    return 'failed';
  }
}

async function atOnce<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const next = items.entries();
  const worker = async (): Promise<void> => {
    for (const [at, item] of next) {
      results[at] = await work(item);
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  return results;
}

function readFileIds(value: unknown): readonly string[] {
  if (value === undefined || value === null) {
    throw failed(none);
  }
  if (!Array.isArray(value) || value.some((id) => typeof id !== 'string')) {
    throw fail('bad_request', { message: 'fileIds must be an array of strings' });
  }
  const texts = (value as string[]).map((id) => id.trim()).filter((id) => trimSlashes(id) !== '');
  const named = [...new Map(texts.map((text) => [trimSlashes(text), text])).values()];
  if (named.length === 0) {
    throw failed(none);
  }
  if (named.length > maxFiles) {
    throw failed(tooMany);
  }
  return named;
}
