import { z } from 'zod';
import { asPath } from '../../core/naming/file-id.ts';
import { decodeOnce } from '../../core/naming/path-text.ts';
import { failed } from '../failure.ts';
import { findLinked, linkRoots } from '../files/find-file.ts';
import { named } from '../openapi/named.ts';
import { queryOf } from '../query.ts';
import { json, route } from '../route.ts';

const prefix = '/api/manage/delete/';

const deleteFileAnswer = named('DeleteFileAnswer', () =>
  z.strictObject({
    success: z.literal(true),
    fileId: z.string().meta({ description: 'Path of the file.' }),
    deleted: z
      .literal(false)
      .optional()
      .meta({ description: 'Only there when there was no such file.' }),
  }),
);

const example = 'img/test/abc123_image.jpg';
const noPath = { code: 'bad_request', message: 'Delete file failed' } as const;
const isFolder = {
  code: 'not_implemented',
  message: 'Deleting folders is not implemented. Delete their files instead.',
} as const;

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
    'By its path, in any spelling that the link takes, whichever API it came through. The link stops working at once, the bytes are removed from their channel afterwards. A file that is not there is a success with `deleted: false`. GET and POST do the same. Needs the permission `delete`.',
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
          .meta({ description: '`true` is answered by 501.' }),
      }),
  },
  answers: {
    200: {
      description: 'It is gone.',
      content: json(deleteFileAnswer, {
        deleted: { value: { success: true, fileId: example } },
        absent: { value: { success: true, fileId: 'img/none.jpg', deleted: false } },
      }),
    },
  },
  failures: [noPath, isFolder],
  undecodable: noPath,
  async handler({ request, reply, deps }) {
    if (queryOf(request.url).folder === 'true') {
      throw failed(isFolder);
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
