import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { ByteSource } from '../../../core/bytes.ts';
import { createSpool, type Spool } from '../../../core/streams/spool.ts';
import { tap } from '../../../core/streams/tap.ts';
import type { FilePart, Form } from '../../body/multipart-form.ts';
import type { Fields } from '../../body/urlencoded-form.ts';
import type { HttpDeps } from '../../deps.ts';
import { failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { requestSignal } from '../../request-signal.ts';
import type { CallerContext } from '../../route.ts';
import { boundedText } from '../bounded-text.ts';
import { openFileForm } from '../open-form.ts';
import { chunkError } from './chunk-errors.ts';
import { exampleUploadId, step as stepFields } from './chunk-fields.ts';
import { readStep, wholeNumber } from './chunk-form.ts';

export const chunkForm = named('ChunkForm', () =>
  z
    .object({
      ...stepFields(),
      chunkIndex: z.int().min(0).meta({ description: 'Which chunk, from 0; in any order.' }),
      // Last: before the fields it would have to wait for them.
      file: z.file().meta({ description: 'The bytes of the chunk.' }),
    })
    .meta({ title: 'Chunked upload, step 2: one chunk' }),
);

export const chunkStored = named('ChunkStored', () =>
  z
    .strictObject({
      success: z.literal(true),
      message: z.string(),
      uploadId: z.string(),
      chunkIndex: z.int(),
    })
    .meta({ title: 'A stored chunk' }),
);

export const chunkExample = {
  summary: 'A chunk is stored',
  value: {
    success: true,
    message: 'Chunk 1/5 received and being uploaded',
    uploadId: exampleUploadId,
    chunkIndex: 0,
  },
};

export const missingChunk = {
  code: 'bad_request',
  as: 'chunk',
  message: 'Missing chunk upload parameters',
} as const;

/**
 * Upload API 2.3: 200 only once the chunk is stored. `file` may come before the fields that name
 * its upload.
 */
export async function putChunk({
  request,
  reply,
  caller,
  deps,
}: CallerContext): Promise<FastifyReply> {
  const form = openFileForm(request, deps);
  const file = await form.nextFile('file');
  if (file === undefined) {
    throw failed(missingChunk);
  }
  const spool = isComplete(form.fields) ? undefined : await setAside(file, form, deps);
  try {
    const step = readStep(request, form.fields, missingChunk);
    // An empty type is what browsers send for files they do not know.
    if (form.fields.chunkIndex === undefined || form.fields.originalFileType === undefined) {
      throw failed(missingChunk);
    }
    boundedText(form.fields.originalFileType, 'originalFileType', 'type');
    const index = wholeNumber(form.fields.chunkIndex);
    const body = spool ?? bounded(file.body, deps);
    await deps.chunked.put({ ...step, index, body, signal: requestSignal(request.raw) }, caller);
    await form.rest();
    const message = `Chunk ${index + 1}/${step.totalChunks} received and being uploaded`;
    return reply.send({ success: true, message, uploadId: step.uploadId, chunkIndex: index });
  } catch (error) {
    throw chunkError(error, 'Failed to upload chunk');
  } finally {
    await spool?.dispose();
  }
}

function isComplete(fields: Fields): boolean {
  return ['uploadId', 'chunkIndex', 'totalChunks', 'originalFileName', 'originalFileType'].every(
    (name) => fields[name] !== undefined,
  );
}

/** The file came first: it waits in a spool until the fields have named its upload. */
async function setAside(file: FilePart, form: Form, deps: HttpDeps): Promise<Spool> {
  const spool = createSpool(bounded(file.body, deps), deps.settings.spoolFolder);
  try {
    await spool.ended;
    await form.rest();
    return spool;
  } catch (error) {
    await spool.dispose();
    throw error;
  }
}

function bounded(body: ByteSource, { settings }: HttpDeps): ByteSource {
  return tap(body, { maxBytes: settings.maxUploadBytes });
}
