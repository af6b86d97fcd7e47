import type { FastifyReply, FastifyRequest } from 'fastify';
import { atMost } from '../../core/at-most.ts';
import type { ByteSource } from '../../core/bytes.ts';
import { fail } from '../../core/errors.ts';
import { requestOrigin } from '../client-address.ts';
import type { HttpDeps } from '../deps.ts';
import { holdText } from '../held-text.ts';
import { isMultipart } from '../multipart.ts';
import { type Form, readForm } from '../multipart-form.ts';
import { bodyOf } from '../request-body.ts';
import { requestSignal } from '../request-signal.ts';
import type { UrlClaims } from '../signed-url.ts';
import { requireLength } from '../whole-body.ts';
import { promisedDigests } from './checksums.ts';
import { readClaims } from './read-claims.ts';
import { relayPurpose } from './relay-url.ts';

const formOverheadBytes = 64 * 1024;

/** Media API 3.4: step 2, raw by PUT or as a form by POST, for every kind of media. May be repeated until `complete`. */
export async function receiveUpload(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  const startedAt = deps.now();
  const claims = readClaims(request, relayPurpose, deps);
  requireLength(request.raw);
  const upload = openBody(request, claims, deps);
  const { source, contentType } = await upload.open();
  const received = await deps.presigned.receive({
    id: claims.id,
    source: atMost(source, claims.maxBytes ?? 0),
    contentType,
    size: upload.size,
    expected: promisedDigests(request.headers),
    unless: refusedTags(request.headers['if-none-match']),
    startedAt,
    signal: requestSignal(request.raw),
  });
  reply.header('etag', `"${received.hash}"`);
  // Some browser libraries look for it; the file has no link yet.
  reply.header('location', `${requestOrigin(request.raw, deps.settings)}/api/v1/media/${claims.id}`);
  if (request.method === 'PUT') return reply.code(200).send('');
  // The shape of Cloudflare Images, which images go to by default.
  const result = {
    id: claims.id,
    filename: upload.filename(),
    uploaded: new Date(deps.now()).toISOString(),
    requireSignedURLs: false,
    variants: [],
  };
  return reply.code(200).send({ result, success: true, errors: [], messages: [] });
}

/** RFC 9110 13.1.2: `*` wants to be the first, tags want to replace anything but those bytes. */
function refusedTags(header: string | undefined): '*' | readonly string[] {
  const tags = (header ?? '').split(',').map((tag) => tag.trim());
  return tags.includes('*') ? '*' : tags.map((tag) => tag.replace(/^(?:W\/)?"(.*)"$/, '$1')).filter((tag) => tag !== '');
}

interface OpenedBody {
  /** Exact number of bytes of the file, when the headers tell. */
  readonly size: number | undefined;
  filename(): string;
  open(): Promise<{ readonly source: ByteSource; readonly contentType: string | undefined }>;
}

function openBody(request: FastifyRequest, { maxBytes = 0 }: UrlClaims, { settings }: HttpDeps): OpenedBody {
  const contentType = request.headers['content-type'];
  const isForm = isMultipart(contentType);
  const body = bodyOf(request.raw, { maxBytes: maxBytes + (isForm ? formOverheadBytes : 0), idleMs: settings.idleTimeoutMs });
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
      // `file` by the book; any other single file part is taken too.
      const file = await form.nextFile();
      if (file === undefined)
        throw fail('bad_request', {
          message: 'The form holds no file. Send it as the part "file".',
          details: { fields: Object.keys(form.fields) },
        });
      filename = file.filename;
      return { source: toTheEnd(file.body, form), contentType: file.contentType };
    },
  };
}

/** A form that breaks off behind the file has not arrived whole. */
async function* toTheEnd(file: ByteSource, form: Form): AsyncGenerator<Uint8Array> {
  for await (const chunk of file) yield chunk;
  await form.rest();
}
