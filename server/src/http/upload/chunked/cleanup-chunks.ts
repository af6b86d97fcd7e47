import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { named } from '../../openapi/named.ts';
import { queryOf } from '../../query.ts';
import { type CallerContext, json, type RouteAnswers } from '../../route.ts';
import { toError } from '../../to-error.ts';
import { cleanupRefusal } from '../errors.ts';
import { exampleUploadId, totalChunks, uploadId as uploadIdField } from './chunk-fields.ts';
import { readFields, wholeNumber } from './chunk-form.ts';

export const chunkedCleanupForm = named('ChunkedCleanupForm', () =>
  z.object({ uploadId: uploadIdField(), totalChunks: totalChunks().optional() }).partial().meta({
    title: 'Chunked upload: cancel',
    description: 'Both may be in the query instead.',
  }),
);

export const chunkedCleaned = named('ChunkedCleaned', () =>
  z
    .strictObject({
      success: z.literal(true),
      message: z.string(),
      uploadId: z.string(),
      cleanedChunks: z.int(),
    })
    .meta({ title: 'A dropped chunked upload' }),
);

export const cleanedExample = {
  summary: 'A chunked upload is dropped',
  value: {
    success: true,
    message: `Cleanup completed for upload ${exampleUploadId}`,
    uploadId: exampleUploadId,
    cleanedChunks: 5,
  },
};

const nothingNamed = { error: 'Missing uploadId parameter' };

/** In a shape of their own. */
export const cleanupAnswers: RouteAnswers = {
  400: {
    description: 'The request is not valid.',
    content: json(cleanupRefusal, {
      cleanup: { summary: 'Nothing to clean up was named', value: nothingNamed },
    }),
  },
  500: {
    description: 'Something failed on our side. Retrying later may work.',
    content: json(cleanupRefusal, {
      cleanup: {
        summary: 'Cleaning up failed',
        value: {
          error: 'Cleanup failed: Something went wrong on our side.',
          uploadId: exampleUploadId,
        },
      },
    }),
  },
};

/** Upload API 2.5: success for unknown ids too; other callers' uploads are left alone. */
export async function cleanupChunks({
  request,
  reply,
  caller,
  deps,
}: CallerContext): Promise<FastifyReply> {
  const query = queryOf(request.url);
  const form = query.uploadId ? undefined : await readFields(request, deps);
  const uploadId = query.uploadId || form?.uploadId;
  if (!uploadId) {
    return reply.code(400).send(nothingNamed);
  }
  try {
    await deps.chunked.cleanup(uploadId, caller);
  } catch (error) {
    const { status, message } = toError(error);
    return reply.code(status).send({ error: `Cleanup failed: ${message}`, uploadId });
  }
  const cleanedChunks = wholeNumber(query.totalChunks ?? form?.totalChunks) || 0;
  return reply.send({
    success: true,
    message: `Cleanup completed for upload ${uploadId}`,
    uploadId,
    cleanedChunks,
  });
}
