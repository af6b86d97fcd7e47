import { z } from 'zod';
import { asPath } from '../../core/naming/file-id.ts';
import { decodeOnce } from '../../core/naming/path-text.ts';
import { failed } from '../failure.ts';
import { findLinked, linkRoots } from '../files/find-file.ts';
import { named } from '../openapi/named.ts';
import { queryOf } from '../query.ts';
import { json, route } from '../route.ts';

import { sendFolderDeleted } from './library/delete-folder.ts';
import { findFolder } from './library/target.ts';

const prefix = '/api/manage/delete/';

const deleteFileAnswer = named('DeleteFileAnswer', () =>
  z.union([
    z.strictObject({
      success: z.literal(true),
      fileId: z.string().meta({ description: 'Path of the file.' }),
      deleted: z
        .literal(false)
        .optional()
        .meta({ description: 'Only there when there was no such file.' }),
    }),
    z.strictObject({
      success: z.literal(true),
      deleted: z.array(z.string()),
      failed: z.array(z.string()).meta({ description: 'Paths of files that are still there.' }),
    }),
  ]),
);

const example = 'img/test/abc123_image.jpg';
const noPath = { code: 'bad_request', message: 'Delete file failed' } as const;

/**
 * Upload API 4.4, by GET too. A missing file is a success with a message.
 */
export const deleteFile = route({
  id: 'deleteFile',
  method: ['DELETE', 'GET', 'POST'],
  path: '/api/manage/delete/*',
  changes: true,
  permission: 'delete',
  tag: 'Management',
  summary: 'Delete a file',
  description:
    'By its path, in any spelling that the link takes, whichever API it came through. The link stops working at once, the bytes are removed from their channel afterwards. A file that is not there is a success with `deleted: false`. With `folder=true` all files of the folder and below go, and the answer is sent as they do: what an interrupted request left is deleted by the next. GET and POST do the same. Needs the permission `delete`.',
  request: {
    params: () =>
      z.object({
        path: z.string().meta({
          description: 'Path of the file, slashes included, as in its link behind `/file/`.',
          example,
        }),
      }),
    query: () =>
      z.object({
        folder: z
          .enum(['true', 'false'])
          .optional()
          .meta({ description: '`true`: the path is a folder.' }),
      }),
  },
  answers: {
    200: {
      description: 'It is gone.',
      content: json(deleteFileAnswer, {
        deleted: { value: { success: true, fileId: example } },
        folder: { value: { success: true, deleted: [example], failed: [] } },
        absent: { value: { success: true, fileId: 'img/none.jpg', deleted: false } },
      }),
    },
  },
  failures: [noPath],
  undecodable: noPath,
  async handler(context) {
    const { request, reply, deps } = context;
    if (queryOf(request.url).folder === 'true') {
      const folder = await findFolder(context, prefix);
      if (folder === undefined) {
        throw failed(noPath);
      }
      return sendFolderDeleted(context, folder);
    }
    const text = decodeOnce(
      (request.url.slice(prefix.length).split('?')[0] ?? '').replace(/\/+$/, ''),
    );
    const stored = await findLinked(text, linkRoots(request.raw, deps.settings), deps.files);
    if (stored !== undefined && (await deps.files.remove(stored.file.id))) {
      return reply.send({ success: true, fileId: stored.file.path });
    }
    if (asPath(text.replace(/^\/+/, '')) === undefined) {
      throw failed(noPath);
    }
    // An earlier deletion may have failed to reach the disk.
    await deps.metadata.settled({ force: true });
    return reply.send({ success: true, fileId: text, deleted: false });
  },
});
