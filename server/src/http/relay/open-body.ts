import type { FastifyRequest } from 'fastify';
import type { ByteSource } from '../../core/bytes.ts';
import { holdText } from '../body/held-text.ts';
import { isMultipart } from '../body/multipart.ts';
import { type Form, readForm } from '../body/multipart-form.ts';
import { bodyOf } from '../body/request-body.ts';
import type { HttpDeps } from '../deps.ts';
import { failed } from '../failure.ts';
import type { UrlClaims } from '../signed-url.ts';

const formOverheadBytes = 64 * 1024;

export const noFile = {
  code: 'bad_request',
  as: 'no_file',
  message: 'The form holds no file. Send it as the part "file".',
} as const;

interface OpenedBody {
  /** Exact number of bytes of the file, when the headers state it. */
  readonly size: number | undefined;
  filename(): string;
  open(): Promise<{ readonly source: ByteSource; readonly contentType: string | undefined }>;
}

/** The file of a raw body, or of a form. */
export function openBody(
  request: FastifyRequest,
  { maxBytes = 0 }: UrlClaims,
  { settings }: HttpDeps,
): OpenedBody {
  const contentType = request.headers['content-type'];
  const isForm = isMultipart(contentType);
  const body = bodyOf(request.raw, {
    maxBytes: maxBytes + (isForm ? formOverheadBytes : 0),
    idleMs: settings.idleTimeoutMs,
  });
  if (!isForm) {
    const announced = request.headers['content-length'];
    const size = announced === undefined ? undefined : Number(announced);
    return { size, filename: () => '', open: async () => ({ source: body, contentType }) };
  }
  let filename = '';
  return {
    size: undefined,
    filename: () => filename,
    async open() {
      const form = readForm({ contentType, body }, { held: holdText(request.raw) });
      // The part is called `file`; any other single file part is taken too.
      const file = await form.nextFile();
      if (file === undefined) {
        throw failed(noFile, { details: { fields: Object.keys(form.fields) } });
      }
      filename = file.filename;
      return { source: toTheEnd(file.body, form), contentType: file.contentType };
    },
  };
}

/** A form that breaks off behind the file has not arrived whole. */
async function* toTheEnd(file: ByteSource, form: Form): AsyncGenerator<Uint8Array> {
  for await (const chunk of file) {
    yield chunk;
  }
  await form.rest();
}
