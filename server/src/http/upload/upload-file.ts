import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { IncomingFile } from '../../core/uploads/basic-upload.ts';
import type { Form } from '../body/multipart-form.ts';
import type { Fields } from '../body/urlencoded-form.ts';
import { named } from '../openapi/named.ts';
import { queryOf } from '../query.ts';
import { note } from '../request-notes.ts';
import { requestSignal } from '../request-signal.ts';
import type { CallerContext } from '../route.ts';
import { choiceOf, refuseLatePlacement } from './choose-channel.ts';
import { filesOf } from './form-files.ts';
import { openFileForm } from './open-form.ts';
import { sendUploaded } from './present.ts';
import { namingOf, placementOf } from './query.ts';

export const uploadFileForm = named('UploadFileForm', () =>
  z
    .object({
      file: z.file().meta({
        description: 'The file, with its name. May be repeated: all files are stored, or none.',
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
  const stored = await deps.basic.store({
    files: incomingFiles(form, query),
    naming(stored) {
      refuseLatePlacement({
        placement: placementOf(query, form.fields),
        fields: form.fields,
        stored,
        pool: deps.pool,
      });
      const { uploadFolder: folder, nameMode } = namingOf(query, form.fields);
      return { folder, nameMode };
    },
    caller,
    ip: request.ip,
    signal: requestSignal(request.raw),
  });
  const { fullUrl = false } = namingOf(query, form.fields);
  return sendUploaded(reply, stored, { fullUrl, request: request.raw, deps });
}

/** Each file goes where the fields before it send it. */
async function* incomingFiles(form: Form, query: Fields): AsyncGenerator<IncomingFile> {
  for await (const { filename, contentType, body } of filesOf(form)) {
    const placement = placementOf(query, form.fields);
    if (placement.uploadChannel !== 'external') {
      const mayRecompress = placement.serverCompress;
      yield { filename, contentType, choice: choiceOf(placement), mayRecompress, body };
    }
  }
}
