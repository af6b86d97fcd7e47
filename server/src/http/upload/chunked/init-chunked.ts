import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { cleanFolder } from '../../../core/naming/folder.ts';
import { failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { queryOf } from '../../query.ts';
import type { CallerContext } from '../../route.ts';
import { boundedText } from '../bounded-text.ts';
import { choiceOf } from '../choose-channel.ts';
import { setChannelHeaders } from '../present.ts';
import { namingOf, placementOf } from '../query.ts';
import { chunkError } from './chunk-errors.ts';
import { exampleFields, exampleUploadId, whole } from './chunk-fields.ts';
import { readFields, wholeNumber } from './chunk-form.ts';

export const chunkedInitForm = named('ChunkedInitForm', () =>
  z.object(whole()).meta({ title: 'Chunked upload, step 1: start' }),
);

export const chunkedStarted = named('ChunkedStarted', () =>
  z
    .strictObject({
      success: z.literal(true),
      uploadId: z.string(),
      sessionInfo: z.strictObject({
        uploadId: z.string(),
        originalFileName: z.string(),
        totalChunks: z.int(),
        uploadChannel: z.string(),
      }),
    })
    .meta({ title: 'A started chunked upload' }),
);

export const startedExample = {
  summary: 'A chunked upload is started',
  value: {
    success: true,
    uploadId: exampleUploadId,
    sessionInfo: {
      uploadId: exampleUploadId,
      originalFileName: exampleFields.originalFileName,
      totalChunks: exampleFields.totalChunks,
      uploadChannel: 'telegram',
    },
  },
};

export const missingInit = {
  code: 'bad_request',
  as: 'init',
  message: 'Missing initialization parameters',
} as const;

/**
 * Upload API 2.2. The answer has no top-level `message`: one known client takes any for a failure.
 */
export async function initChunked({
  request,
  reply,
  caller,
  deps,
}: CallerContext): Promise<FastifyReply> {
  const fields = await readFields(request, deps);
  const { originalFileName, originalFileType, totalChunks } = fields;
  if (!originalFileName || originalFileType === undefined || !totalChunks) {
    throw failed(missingInit);
  }
  const query = queryOf(request.url);
  const placement = placementOf(query, fields);
  const { uploadFolder, nameMode, fullUrl } = namingOf(query, fields);
  try {
    const upload = await deps.chunked.init(
      {
        filename: boundedText(originalFileName, 'originalFileName', 'name'),
        contentType:
          boundedText(originalFileType, 'originalFileType', 'type') || 'application/octet-stream',
        totalChunks: wholeNumber(totalChunks),
        choice: choiceOf(placement),
        ip: request.ip,
        folder: uploadFolder && cleanFolder(uploadFolder),
        nameMode,
        fullUrl,
      },
      caller,
    );
    const channel = deps.pool.byId(upload.channelId);
    setChannelHeaders(reply, [channel]);
    const uploadChannel = placement.uploadChannel ?? channel.group;
    const sessionInfo = {
      uploadId: upload.id,
      originalFileName,
      totalChunks: wholeNumber(totalChunks),
      uploadChannel,
    };
    return reply.send({ success: true, uploadId: upload.id, sessionInfo });
  } catch (error) {
    throw chunkError(error, 'Failed to initialize chunked upload');
  }
}
