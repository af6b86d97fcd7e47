import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../core/access.ts';
import { atMost } from '../../core/at-most.ts';
import { fail } from '../../core/errors.ts';
import { isGivenOnce, nameCandidates } from '../../core/file-id.ts';
import type { IntakeResult } from '../../core/intake.ts';
import type { StoredFile } from '../../core/metadata.ts';
import { clientAddress } from '../client-address.ts';
import type { HttpDeps } from '../deps.ts';
import { holdText } from '../held-text.ts';
import { type FilePart, type Form, readForm } from '../multipart-form.ts';
import { bodyOf } from '../request-body.ts';
import { requestSignal } from '../request-signal.ts';
import { presentUploaded } from './present.ts';
import { queryOf, type UploadOptions, uploadOptions } from './query.ts';

/** Room for part headers and other fields around the largest allowed file. */
const formOverheadBytes = 1024 * 1024;

/** Upload API 1: one file, one answer. */
export async function uploadFile(
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
  deps: HttpDeps,
): Promise<FastifyReply> {
  const form = openForm(request, deps);
  const file = await nextFile(form);
  const options = uploadOptions(queryOf(request.url), form.fields);
  const { settings } = deps;
  const stored = await deps.intake.store({
    source: atMost(file.body, settings.maxUploadBytes),
    filename: file.filename,
    declaredType: file.contentType ?? 'application/octet-stream',
    candidates: await deps.pool.candidates({
      group: options.uploadChannel,
      name: options.channelName,
      fallback: options.autoRetry,
    }),
    compress: options.serverCompress,
    retryUncompressed: options.autoRetry,
    signal: requestSignal(request.raw),
  });
  const late = await restOrDiscard(form, stored, deps);
  const naming = uploadOptions(queryOf(request.url), late);
  const added = await record({
    stored,
    filename: file.filename,
    naming,
    caller,
    ip: clientAddress(request.raw, settings.trustProxy),
    deps,
  });
  return reply.send(presentUploaded(added, { fullUrl: naming.fullUrl === true, request: request.raw, settings }));
}

/** A form whose body is read as it comes in; not before this is called for. */
export function openForm(request: FastifyRequest, { settings }: Pick<HttpDeps, 'settings'>): Form {
  const maxBytes = settings.maxUploadBytes + formOverheadBytes;
  const body = bodyOf(request.raw, { maxBytes, idleMs: settings.idleTimeoutMs });
  return readForm({ contentType: request.headers['content-type'], body }, { held: holdText(request.raw) });
}

async function nextFile(form: Form): Promise<FilePart> {
  const file = await form.nextFile('file');
  if (file === undefined && form.fields.file === undefined) throw fail('bad_request', { message: 'No file provided' });
  if (file === undefined || file.filename === '') {
    throw fail('bad_request', { message: 'fileType or fileName is wrong, check the integrity of this file!' });
  }
  return file;
}

/** Fields may follow the file; a body that breaks off there has not arrived whole. */
async function restOrDiscard(form: Form, stored: IntakeResult, { intake }: HttpDeps): ReturnType<Form['rest']> {
  try {
    return await form.rest();
  } catch (error) {
    await intake.discard(stored, error);
    throw error;
  }
}

interface Recording {
  readonly stored: IntakeResult;
  readonly filename: string;
  readonly naming: UploadOptions;
  readonly caller: Caller;
  readonly ip: string;
  readonly deps: HttpDeps;
}

async function record({ stored, filename, naming, caller, ip, deps }: Recording): Promise<StoredFile> {
  const { contentType } = stored;
  const { width, height } = deps.prober.fromHead(stored.head, stored.sniffed.contentType);
  const mode = naming.nameMode ?? 'default';
  const path = nameCandidates({ mode, filename, contentType, folder: naming.uploadFolder ?? '' });
  try {
    const uploader = caller.token?.id ?? null;
    const named = { filename, path, givenOnce: isGivenOnce(mode) };
    const added = await deps.files.add({
      bytes: stored,
      ...named,
      contentType,
      width,
      height,
      uploader,
      promisedTo: caller.owner,
      ip,
    });
    if (added === undefined) throw fail('internal_error');
    return added;
  } catch (error) {
    await deps.intake.discard(stored, error);
    throw error;
  }
}
