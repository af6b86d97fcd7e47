import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { atMost } from '../../core/streams/at-most.ts';
import type { FilePart } from '../body/multipart-form.ts';
import { clientAddress } from '../client-address.ts';
import type { HttpDeps } from '../deps.ts';
import { named } from '../openapi/named.ts';
import { queryOf } from '../query.ts';
import { note } from '../request-notes.ts';
import { requestSignal } from '../request-signal.ts';
import type { CallerContext } from '../route.ts';
import { choiceOf, refuseExternal, refuseLateChoice } from './choose-channel.ts';
import { filesOf } from './form-files.ts';
import { openFileForm } from './open-form.ts';
import { sendUploaded } from './present.ts';
import { type UploadOptions, uploadOptions } from './query.ts';
import { discard, recordFiles, type TakenFile } from './record-files.ts';

export const uploadFileForm = named('UploadFileForm', () =>
  z
    .object({
      file: z.file().meta({
        description: 'The file, with its name. May come several times: all are stored, or none.',
      }),
    })
    .meta({
      title: 'A whole file',
      description:
        'Other fields may come before or after the file, but `uploadChannel`, `channelName`, `serverCompress` and `autoRetry` before it.',
    }),
);

/**
 * Upload API 1: stores the files of a form and returns their links in the same order; all of them
 * or an error.
 */
export async function uploadFile({
  request,
  reply,
  caller,
  deps,
}: CallerContext): Promise<FastifyReply> {
  note(request.raw, { upload: 'basic' });
  const form = openFileForm(request, deps);
  const query = queryOf(request.url);
  const signal = requestSignal(request.raw);
  const taken: TakenFile[] = [];
  try {
    for await (const part of filesOf(form)) {
      const early = uploadOptions(query, form.fields);
      if (early.uploadChannel !== 'external') {
        taken.push(await take(part, early, signal, deps));
      }
    }
    // Fields may follow the files.
    const options = uploadOptions(query, form.fields);
    refuseExternal(options, form.fields);
    refuseLateChoice(
      options,
      taken.map(({ bytes }) => bytes),
    );
  } catch (error) {
    // Nothing has been written of them yet, whatever the error is.
    await discard(taken, undefined, deps);
    throw error;
  }
  const options = uploadOptions(query, form.fields);
  const ip = clientAddress(request.raw, deps.settings.trustProxy);
  const stored = await recordFiles({ taken, options, caller, ip }, deps);
  return sendUploaded(reply, stored, {
    fullUrl: options.fullUrl === true,
    request: request.raw,
    deps,
  });
}

async function take(
  part: FilePart,
  options: UploadOptions,
  signal: AbortSignal,
  deps: HttpDeps,
): Promise<TakenFile> {
  const { head, ...bytes } = await deps.intake.store({
    source: atMost(part.body, deps.settings.maxUploadBytes),
    filename: part.filename,
    declaredType: part.contentType ?? 'application/octet-stream',
    candidates: await deps.pool.candidates(choiceOf(options)),
    compress: options.serverCompress,
    retryUncompressed: options.autoRetry,
    signal,
  });
  const { width, height } =
    bytes.recompressed ?? deps.prober.fromHead(head, bytes.sniffed.contentType);
  return { filename: part.filename, bytes, width, height };
}
