import type { FastifyReply, FastifyRequest } from 'fastify';
import { fail } from '../../core/errors.ts';
import { authenticateUpload } from '../authenticate.ts';
import type { HttpDeps } from '../deps.ts';
import { presentUploaded } from './present.ts';
import { queryOf } from './query.ts';

/** Ours: which chunks have arrived, so that a client can resume after a crash; and the link, once merged. */
export async function chunkStatus(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  const caller = await authenticateUpload(request.raw, 'upload', deps);
  const { uploadId } = queryOf(request.url);
  if (!uploadId) throw fail('bad_request', { message: 'Missing uploadId parameter' });
  const { upload, details, stored, file } = await deps.chunked.status(uploadId, caller);
  const result = file && [
    presentUploaded(file, { fullUrl: details.fullUrl === true, request: request.raw, settings: deps.settings }),
  ];
  return reply.header('cache-control', 'no-store').send({
    success: true,
    uploadId: upload.id,
    status: upload.state === 'done' ? 'merged' : 'open',
    originalFileName: details.filename,
    totalChunks: details.totalChunks,
    uploadedChunks: stored,
    expiresAt: new Date(upload.expiresAt).toISOString(),
    ...(result && { result }),
  });
}
