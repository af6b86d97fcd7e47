import type { FastifyReply, FastifyRequest } from 'fastify';
import { fail } from '../../core/errors.ts';
import { pathFromUrl } from '../../core/file-id.ts';
import type { StoredFile } from '../../core/metadata.ts';
import { assertReadable } from '../../core/read-content.ts';
import { type Asked, cacheControl } from '../cache-control.ts';
import { contentHeaders } from '../content-headers.ts';
import type { HttpDeps } from '../deps.ts';
import { sendContent } from '../send-content.ts';
import { sayFileError } from './errors.ts';
import { findFile } from './find-file.ts';

const prefix = '/file/';

/** Upload API 4.8, with complete ranges, validators, and headers under which nothing of a user runs in our origin. */
export async function readFile(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  const asked = askedFor(request.url);
  const stored = await find(asked.path, deps);
  const { file, blob } = stored;
  // These include CORS; sent twice it would be void.
  const headers = { ...contentHeaders({ ...file, cacheControl: cacheControl(file, asked) }), 'X-Request-Id': request.id };
  reply.hijack();
  try {
    // Its bytes are never opened, but a GET would fail.
    if (request.method === 'HEAD') assertReadable(stored.replicas);
    const sent = await sendContent(request.raw, reply.raw, {
      size: file.size,
      headers,
      etag: `"${blob.hash}"`,
      lastModifiedAt: file.createdAt,
      open: (range, signal) => deps.files.open(stored, { range, signal }),
    });
    if (sent.failure !== undefined) deps.log.warn({ requestId: request.id, err: sent.failure }, 'Download aborted');
  } catch (error) {
    sayFileError(reply.raw, { thrown: error, requestId: request.id, headers: reply.getHeaders() }, deps);
  }
  return reply;
}

function askedFor(url: string): Asked {
  const [raw = '', query = ''] = url.slice(prefix.length).split('?', 2);
  const path = pathFromUrl(raw);
  if (path === undefined) throw fail('bad_request', { message: 'Decode Image ID Failed' });
  return { path, query: new URLSearchParams(query) };
}

async function find(path: string, { files }: HttpDeps): Promise<StoredFile> {
  const found = await findFile(path, files);
  if (found === undefined) throw fail('not_found', { message: 'Image Not Found' });
  return found;
}
