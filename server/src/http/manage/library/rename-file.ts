import { z } from 'zod';
import { isStowageError } from '../../../core/errors.ts';
import { cleanName } from '../../../core/naming/file-id.ts';
import { cleanFolder } from '../../../core/naming/folder.ts';
import { decodeOnce, trimSlashes } from '../../../core/naming/path-text.ts';
import { failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { json, route } from '../../route.ts';
import { messageDialect } from './message-dialect.ts';
import { exampleMetadata, fileMetadata, presentMetadata } from './present-file.ts';
import { notJson, readMessageBody } from './read-message-body.ts';
import { findTarget, targetText } from './target.ts';

const prefix = '/api/manage/rename/';

const renameRequest = named('RenameRequest', () =>
  z.object({
    newFileId: z.string().min(1).meta({ description: 'The whole new path, folder included.' }),
  }),
);
const renameAnswer = named('RenameAnswer', () =>
  z.strictObject({
    success: z.literal(true),
    newFileId: z.string().meta({ description: 'The path as it was cleaned.' }),
    metadata: fileMetadata(),
  }),
);

const noId = { code: 'bad_request', as: 'id', message: 'File ID is required.' } as const;
const noName = {
  code: 'bad_request',
  as: 'name',
  message: 'newFileId is required and must be a non-empty string.',
} as const;
const notFound = { code: 'not_found', message: 'File not found.' } as const;
// Upload API 4.5: the sentence is part of the wire format.
const taken = { code: 'conflict', message: '目标文件名已存在' } as const;

/** Upload API 4.5. */
export const renameFile = route({
  id: 'renameFile',
  method: 'POST',
  path: '/api/manage/rename/*',
  permission: 'manage',
  tag: 'Management',
  summary: 'Give a file another path',
  description:
    'Nothing is overwritten. Links to the old path lead to the new one. Needs the permission `manage`.',
  request: {
    params: () => z.object({ path: z.string().meta({ description: 'Path of the file.' }) }),
    body: {
      required: true,
      content: json(renameRequest, { one: { value: { newFileId: 'img/test/photo.jpg' } } }),
    },
  },
  answers: {
    200: {
      description: 'It has its new path.',
      content: json(renameAnswer, {
        one: {
          value: { success: true, newFileId: 'img/test/photo.jpg', metadata: exampleMetadata },
        },
      }),
    },
  },
  failures: [noId, notJson, noName, notFound, taken],
  undecodable: noId,
  dialect: messageDialect,
  async handler(context) {
    const { reply, deps } = context;
    const { newFileId } = await readMessageBody(context, 'manage');
    if (targetText(context, prefix).trim() === '') {
      throw failed(noId);
    }
    const path = typeof newFileId === 'string' ? cleanPath(newFileId) : undefined;
    if (path === undefined) {
      throw failed(noName);
    }
    const stored = await findTarget(context, prefix);
    const at = deps.now();
    const filename = path.slice(path.lastIndexOf('/') + 1);
    const file =
      stored &&
      (await deps.metadata.library.move(stored.file.id, { path, filename, at }).catch(refuse));
    if (file === undefined) {
      throw failed(notFound);
    }
    return reply.send({
      success: true,
      newFileId: file.path,
      metadata: presentMetadata(file, deps.pool),
    });
  },
});

function refuse(error: unknown): never {
  throw isStowageError(error, 'conflict') ? failed(taken) : error;
}

/** Upload API 1.6 for the folder, the same for the name. Undefined for an empty one. */
function cleanPath(text: string): string | undefined {
  const decoded = trimSlashes(decodeOnce(text).trim().replaceAll('\\', '/'));
  if (decoded === '') {
    return undefined;
  }
  const slash = decoded.lastIndexOf('/');
  const folder = cleanFolder(decoded.slice(0, Math.max(0, slash)));
  const name = cleanName(decoded.slice(slash + 1));
  return folder === '' ? name : `${folder}/${name}`;
}
