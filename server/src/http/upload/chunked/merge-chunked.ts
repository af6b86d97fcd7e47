import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { named } from '../../openapi/named.ts';
import { note } from '../../request-notes.ts';
import type { CallerContext } from '../../route.ts';
import { sendUploaded } from '../present.ts';
import { chunkError } from './chunk-errors.ts';
import { step as stepFields } from './chunk-fields.ts';
import { readFields, readStep } from './chunk-form.ts';

export const chunkedMergeForm = named('ChunkedMergeForm', () =>
  z.object(stepFields()).meta({ title: 'Chunked upload, step 3: merge' }),
);

export const missingMerge = {
  code: 'bad_request',
  as: 'merge',
  message: 'Missing merge parameters',
} as const;

/** Upload API 2.4. */
export async function mergeChunked({
  request,
  reply,
  caller,
  deps,
}: CallerContext): Promise<FastifyReply> {
  note(request.raw, { upload: 'chunked' });
  const step = readStep(request, await readFields(request, deps), missingMerge);
  try {
    const { stored, fullUrl } = await deps.chunked.merge(step, caller);
    return sendUploaded(reply, [stored], { fullUrl, request: request.raw, deps });
  } catch (error) {
    throw chunkError(error, 'Failed to merge chunks');
  }
}
