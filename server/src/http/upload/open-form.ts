import type { FastifyRequest } from 'fastify';
import { holdText } from '../body/held-text.ts';
import { isMultipart } from '../body/multipart.ts';
import { type Form, readForm } from '../body/multipart-form.ts';
import { bodyOf } from '../body/request-body.ts';
import type { HttpDeps } from '../deps.ts';
import { failed } from '../failure.ts';

/** Room for part headers and other fields around the largest allowed file. */
const formOverheadBytes = 1024 * 1024;

/** A form whose body is read as it comes in; not before this is called for. */
export function openForm(request: FastifyRequest, { settings }: Pick<HttpDeps, 'settings'>): Form {
  const maxBytes = settings.maxUploadBytes + formOverheadBytes;
  const body = bodyOf(request.raw, { maxBytes, idleMs: settings.idleTimeoutMs });
  return readForm(
    { contentType: request.headers['content-type'], body },
    { held: holdText(request.raw) },
  );
}

export const notAForm = {
  code: 'invalid_multipart',
  message:
    'Send multipart/form-data with the file in the field `file`, as `curl -F file=@photo.jpg` does.',
} as const;

/**
 * The same where a file must come: the error for other bodies, such as those of `curl
 * --data-binary`, explains what to send.
 */
export function openFileForm(request: FastifyRequest, deps: Pick<HttpDeps, 'settings'>): Form {
  if (isMultipart(request.headers['content-type'])) {
    return openForm(request, deps);
  }
  throw failed(notAForm);
}
