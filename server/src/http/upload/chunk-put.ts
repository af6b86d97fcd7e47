import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../core/access.ts';
import { atMost } from '../../core/at-most.ts';
import type { ByteSource } from '../../core/bytes.ts';
import { fail } from '../../core/errors.ts';
import { createSpool, type Spool } from '../../core/spool.ts';
import type { HttpDeps } from '../deps.ts';
import type { FilePart, Form } from '../multipart-form.ts';
import { requestSignal } from '../request-signal.ts';
import type { Fields } from '../urlencoded-form.ts';
import { boundedText } from './bounded-text.ts';
import { chunkError } from './chunk-errors.ts';
import { readStep, wholeNumber } from './chunk-form.ts';
import { openFileForm } from './open-form.ts';

const missing = 'Missing chunk upload parameters';

/** Upload API 2.3: 200 only once the chunk is stored. `file` may stand before the fields that say where it belongs. */
export async function putChunk(
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
  deps: HttpDeps,
): Promise<FastifyReply> {
  const form = openFileForm(request, deps);
  const file = await form.nextFile('file');
  if (file === undefined) throw fail('bad_request', { message: missing });
  const body = isComplete(form.fields) ? undefined : await setAside(file, form, deps);
  try {
    const step = readStep(request, form.fields, missing);
    // An empty type is what browsers send for files they do not know.
    if (form.fields.chunkIndex === undefined || form.fields.originalFileType === undefined)
      throw fail('bad_request', { message: missing });
    boundedText(form.fields.originalFileType, 'originalFileType', 'type');
    const index = wholeNumber(form.fields.chunkIndex);
    const source = body?.follow() ?? bounded(file.body, deps);
    await deps.chunked.put({ ...step, index, source, signal: requestSignal(request.raw) }, caller);
    await form.rest();
    const message = `Chunk ${index + 1}/${step.totalChunks} received and being uploaded`;
    return reply.send({ success: true, message, uploadId: step.uploadId, chunkIndex: index });
  } catch (error) {
    throw chunkError(error, 'Failed to upload chunk');
  } finally {
    await body?.dispose();
  }
}

function isComplete(fields: Fields): boolean {
  return ['uploadId', 'chunkIndex', 'totalChunks', 'originalFileName', 'originalFileType'].every(
    (name) => fields[name] !== undefined,
  );
}

/** The file came first: it waits in a temporary copy until the fields have named its upload. */
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
  return atMost(body, settings.maxUploadBytes);
}
