import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../core/access.ts';
import { fail } from '../../core/errors.ts';
import { cleanFolder } from '../../core/folder.ts';
import { clientAddress } from '../client-address.ts';
import type { HttpDeps } from '../deps.ts';
import { boundedText } from './bounded-text.ts';
import { choiceOf } from './choose-channel.ts';
import { chunkError } from './chunk-errors.ts';
import { readFields, wholeNumber } from './chunk-form.ts';
import { sayChannels } from './present.ts';
import { queryOf, uploadOptions } from './query.ts';

/** Upload API 2.2. The answer has no top-level `message`: one known client takes any for a failure. */
export async function initChunked(
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
  deps: HttpDeps,
): Promise<FastifyReply> {
  const fields = await readFields(request, deps);
  const { originalFileName, originalFileType, totalChunks } = fields;
  if (!originalFileName || originalFileType === undefined || !totalChunks) {
    throw fail('bad_request', { message: 'Missing initialization parameters' });
  }
  const options = uploadOptions(queryOf(request.url), fields);
  try {
    const upload = await deps.chunked.init(
      {
        filename: boundedText(originalFileName, 'originalFileName', 'name'),
        contentType: boundedText(originalFileType, 'originalFileType', 'type') || 'application/octet-stream',
        totalChunks: wholeNumber(totalChunks),
        choice: choiceOf(options),
        ip: clientAddress(request.raw, deps.settings.trustProxy),
        folder: options.uploadFolder && cleanFolder(options.uploadFolder),
        nameMode: options.nameMode,
        fullUrl: options.fullUrl,
      },
      caller,
    );
    const channel = deps.pool.byId(upload.channelId);
    sayChannels(reply, [channel]);
    const uploadChannel = options.uploadChannel ?? channel.group;
    const sessionInfo = { uploadId: upload.id, originalFileName, totalChunks: wholeNumber(totalChunks), uploadChannel };
    return reply.send({ success: true, uploadId: upload.id, sessionInfo });
  } catch (error) {
    throw chunkError(error, 'Failed to initialize chunked upload');
  }
}
