import { z } from 'zod';
import type { Caller } from '../../../core/access/access.ts';
import type { ChunkedStatus } from '../../../core/uploads/chunked/chunked-uploads.ts';
import type { HttpDeps } from '../../deps.ts';
import { failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { timestamp } from '../../openapi/shared-schemas.ts';
import { queryOf } from '../../query.ts';
import { json, route } from '../../route.ts';
import { authCode } from '../parameters.ts';
import { presentUploaded, uploaded } from '../present.ts';
import { expired, noSession, renderRefusal } from './chunk-errors.ts';
import { exampleUploadId } from './chunk-fields.ts';

const chunkedStatus = named('ChunkedStatus', () =>
  z.strictObject({
    success: z.literal(true),
    uploadId: z.string(),
    status: z.enum(['open', 'merged']),
    originalFileName: z.string(),
    totalChunks: z.int(),
    uploadedChunks: z
      .array(z.int())
      .meta({ description: 'Indexes that need not be sent again, ascending.' }),
    expiresAt: timestamp,
    result: uploaded()
      .optional()
      .meta({ description: 'The response of the merge, once there was one.' }),
  }),
);

const example = {
  success: true,
  uploadId: exampleUploadId,
  status: 'open',
  originalFileName: 'video.mp4',
  totalChunks: 5,
  uploadedChunks: [0, 1, 3],
  expiresAt: '2026-04-11T12:00:00.000Z',
};

const missingId = { code: 'bad_request', message: 'Missing uploadId parameter' } as const;

/**
 * Ours: which chunks have arrived, so that a client can resume after a crash; and the link, once
 * merged.
 */
export const chunkStatus = route({
  id: 'getChunkedUpload',
  method: 'GET',
  path: '/upload/status',
  permission: 'upload',
  tag: 'Upload',
  summary: 'What a chunked upload has',
  description:
    'To resume after a crash: which chunks are stored, and the link once they are merged.',
  request: {
    query: () =>
      z.object({
        authCode: authCode(),
        uploadId: z
          .string()
          .meta({ description: 'Of a chunked upload that the same caller started.' }),
      }),
  },
  answers: {
    200: {
      description: 'The state of the upload.',
      headers: ['X-Request-Id'],
      content: json(chunkedStatus, { open: { value: example } }),
    },
  },
  failures: [missingId, { ...noSession, as: 'no_session' }, expired],
  async handler({ request, reply, caller, deps }) {
    const { uploadId } = queryOf(request.url);
    if (!uploadId) {
      throw failed(missingId);
    }
    const { upload, stored, file } = await statusOf(uploadId, caller, deps);
    const { details } = upload;
    const result = file && [
      presentUploaded(file, {
        fullUrl: details.fullUrl === true,
        request: request.raw,
        settings: deps.settings,
      }),
    ];
    return reply.header('cache-control', 'no-store').send({
      success: true,
      uploadId: upload.id,
      status: upload.state === 'done' ? 'merged' : 'open',
      originalFileName: details.filename,
      totalChunks: details.totalChunks,
      uploadedChunks: stored,
      expiresAt: new Date(upload.expiresAt).toISOString(),
      result,
    });
  },
});

async function statusOf(
  uploadId: string,
  caller: Caller,
  { chunked }: HttpDeps,
): Promise<ChunkedStatus> {
  try {
    return await chunked.status(uploadId, caller);
  } catch (error) {
    throw renderRefusal(error);
  }
}
