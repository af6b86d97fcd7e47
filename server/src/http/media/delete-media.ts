import { z } from 'zod';
import { failed } from '../failure.ts';
import { json, route } from '../route.ts';
import { envelope } from './envelope.ts';
import { exampleOf, success } from './envelope-schemas.ts';
import { mediaIdOf } from './media-id.ts';
import { byId, exampleId, idAlias, mediaId, noSuchMedia, rateHeaders } from './media-schemas.ts';

const deleteMediaAnswer = success('DeleteMediaAnswer', () =>
  z.strictObject({
    media_id: mediaId(),
    id: idAlias(),
    deleted: z.literal(true),
    message: z.string(),
  }),
);

/**
 * Media API 5.3: a file, or an upload that is not finished (running transfers stop). A second time
 * is 404.
 */
export const deleteMedia = route({
  id: 'deleteMedia',
  method: 'DELETE',
  path: '/api/v1/media/:id',
  permission: 'delete',
  tag: 'Media',
  summary: 'Delete media, or cancel an upload',
  description:
    'The link stops working at once; the bytes are removed from their channel afterwards. Running transfers of an unfinished upload stop.',
  request: { params: byId },
  answers: {
    200: {
      description: 'It is gone.',
      headers: rateHeaders,
      content: json(deleteMediaAnswer, { deleted: { value: exampleOf(present(exampleId)) } }),
    },
  },
  failures: [noSuchMedia],
  async handler(context) {
    const { request, reply, deps } = context;
    const id = mediaIdOf(request);
    // An upload that cannot be cancelled any more may have become a file since we looked for one.
    const removed =
      (await deps.files.remove(id)) ||
      (await deps.presigned.cancel(id)) ||
      (await deps.files.remove(id));
    if (!removed) {
      throw failed(noSuchMedia);
    }
    return reply.send(envelope(present(id), context));
  },
});

function present(id: string) {
  return { media_id: id, id, deleted: true, message: 'Media deleted.' };
}
