import { failed } from '../failure.ts';
import { json, route } from '../route.ts';
import { envelope } from './envelope.ts';
import { success } from './envelope-schemas.ts';
import { mediaIdOf } from './media-id.ts';
import { byId, media, mediaExample, noSuchMedia, rateHeaders } from './media-schemas.ts';
import { presentMedia } from './present.ts';

const mediaAnswer = success('MediaAnswer', media);

/** Media API 5.2. */
export const getMedia = route({
  id: 'getMedia',
  method: 'GET',
  path: '/api/v1/media/:id',
  permission: 'list',
  tag: 'Media',
  summary: 'Get one media item',
  description: 'Finished or not.',
  request: { params: byId },
  answers: {
    200: {
      description: 'The media.',
      headers: rateHeaders,
      content: json(mediaAnswer, mediaExample),
    },
  },
  failures: [noSuchMedia],
  async handler(context) {
    const { request, reply, deps } = context;
    const found = await deps.presigned.find(mediaIdOf(request));
    if (found === undefined) {
      throw failed(noSuchMedia);
    }
    return reply.send(
      envelope(presentMedia(found, { request: request.raw, settings: deps.settings }), context),
    );
  },
});
