import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { isStowageError } from '../../core/errors.ts';
import { isBlocked } from '../../core/library/visibility.ts';
import { pathFromUrl } from '../../core/naming/file-id.ts';
import { encodePath } from '../../core/naming/path-text.ts';
import { assertReadable } from '../../core/storage/read-content.ts';
import { byToken } from '../authenticate.ts';
import { cacheControl, type RequestedAddress } from '../content/cache-control.ts';
import { contentHeaders } from '../content/content-headers.ts';
import { contentHead, sendContent } from '../content/send-content.ts';
import { failed } from '../failure.ts';
import type { HeaderName } from '../openapi/headers.ts';
import { bytes, text as plainText } from '../openapi/shared-schemas.ts';
import { type Context, type RouteAnswers, route } from '../route.ts';
import { blockPicture } from './block-picture.ts';
import { sendErrorRaw } from './errors.ts';
import { findFile } from './find-file.ts';
import { handOver } from './hand-over.ts';
import { fromMemory } from './hot-files.ts';

const prefix = '/file/';

const params = () =>
  z.object({
    path: z.string().meta({
      description:
        'Path of the file, slashes included, percent-encoded or not. A comma may stand for a slash.',
      example: 'img/test/abc123_image.jpg',
    }),
  });

const text = (description: string) => z.string().optional().meta({ description });
const conditions = () =>
  z.object({
    'If-None-Match': text('ETags of copies that are there: 304 when one is current.'),
    'If-Modified-Since': text('304 when nothing is newer.'),
    'If-Match': text('412 when the file has none of these ETags.'),
    'If-Unmodified-Since': text('412 when the file is newer.'),
  });
const ranges = () =>
  conditions().extend({
    Range: text('One range: `bytes=0-1023`, `bytes=1024-` or `bytes=-500`.'),
    'If-Range': text('ETag or date: the range counts only while the file is the same.'),
  });

const described: readonly HeaderName[] = [
  'ETag',
  'Last-Modified',
  'Accept-Ranges',
  'Content-Disposition',
];

const withoutBody: RouteAnswers = {
  304: { description: 'The copy is current.', headers: ['ETag', 'Last-Modified'] },
  412: { description: 'A condition does not hold.' },
};

const noPath = { code: 'bad_request', message: 'Decode Image ID Failed' } as const;
const noAdmin = 'Admin authentication required';
const noSuchFile = { code: 'not_found', message: 'Image Not Found' } as const;

/**
 * Upload API 4.8, with complete ranges, validators, and headers that keep users' content from
 * running in our origin.
 */
export const readFile = route({
  id: 'readFile',
  method: 'GET',
  path: '/file/*',
  permission: 'public',
  tag: 'Files',
  summary: 'Read a file',
  description: [
    'Everything is sent so that nothing of it can run in the origin of this server. Pages, scripts and XML come as plain text and as a download, SVG and PDF as a download.',
    '`Content-Type` is what the bytes show. Bytes of no known kind keep the type that the sender declared, or that of their name, when it can do no harm; texts have a charset where it is known.',
    'Errors are text, `Error: ` and a sentence; a browser that opens a link itself gets a small page instead.',
    '**Caching.** Names that the server makes up (`uploadNameType` `default`, `index` or `short`, and everything of the Media API) are given once in all time: such a link never shows other bytes, also not after the file was deleted, and is sent with `Cache-Control: public, max-age=31536000, immutable`.',
    'A name that the caller chose (`uploadNameType=origin`) is free again once its file is deleted: its link is sent with `public, max-age=60, must-revalidate`, and caches ask again by `ETag`.',
    'With `?from=admin` the answer is `private, no-store`, and a blocked file is shown; this needs a token with the permission `list` or `manage`. A deletion does not reach copies that browsers and CDNs keep: purge the address at the CDN.',
  ].join('\n\n'),
  request: { params, headers: ranges },
  answers: {
    200: {
      description: 'The whole file.',
      headers: described,
      content: { '*/*': { schema: bytes } },
    },
    206: {
      description: 'A part of it.',
      headers: [...described, 'Content-Range'],
      content: { '*/*': { schema: bytes } },
    },
    ...withoutBody,
    301: { description: 'The file was moved or renamed.', headers: ['Location'] },
    401: {
      description: 'With `?from=admin`, without a token that may `list` or `manage`.',
      content: { 'text/plain': { schema: plainText, examples: { admin: { value: noAdmin } } } },
    },
    403: {
      description: 'The file is blocked. The answer is a picture.',
      content: { 'image/png': { schema: bytes } },
    },
    416: {
      description: 'No byte of the file lies in this range (`range_not_satisfiable`).',
      headers: ['Content-Range'],
    },
  },
  failures: [
    noPath,
    noSuchFile,
    'internal_error',
    'content_damaged',
    'channel_unavailable',
    'channel_unauthorized',
    'channel_rate_limited',
    {
      code: 'service_unavailable',
      message: 'The storage channel of this file is no longer configured.',
    },
  ],
  undecodable: noPath,
  handler: send,
});

export const headFile = route({
  id: 'headFile',
  method: 'HEAD',
  path: '/file/*',
  permission: 'public',
  tag: 'Files',
  summary: 'Look at a file without its bytes',
  description: 'The headers of GET.',
  request: { params, headers: conditions },
  answers: {
    200: { description: 'The headers.', headers: described },
    ...withoutBody,
    404: { description: 'There is no such file.' },
  },
  handler: send,
});

async function send(context: Context): Promise<FastifyReply> {
  const { request, reply, deps } = context;
  const asked = askedFor(request.url);
  // Before the row is read, so that a later change shows.
  const version = deps.hotFiles.version();
  const stored = await findFile(asked.path, deps.files);
  if (stored === undefined) {
    return sendMoved(context, asked);
  }
  const { file } = stored;
  const isAdmin = asked.query.get('from') === 'admin';
  if (isAdmin && !(await mayManage(context))) {
    return sendNoAdmin(reply);
  }
  if (!isAdmin && isBlocked(file)) {
    return sendBlocked(reply);
  }
  const content = {
    size: file.size,
    // These include CORS, which is void when it is sent twice.
    headers: contentHeaders({ ...file, cacheControl: cacheControl(file, asked) }),
    etag: `"${stored.blob.hash}"`,
    lastModifiedAt: file.createdAt,
  };
  const link = `${prefix}${encodePath(file.path)}`;
  const kept = deps.hotFiles.renew(link, stored, version);
  reply.hijack();
  try {
    // HEAD never opens the bytes, but must fail where a GET would.
    if (request.method === 'HEAD') {
      assertReadable(stored.replicas);
    }
    const handedOver = await handOver(request.raw, stored, deps);
    if (handedOver !== undefined) {
      const headers = { ...handedOver, 'X-Request-Id': request.id, 'Content-Length': '0' };
      const { 'Accept-Ranges': accepted, ...head } = contentHead(content);
      // nginx adds it to a whole file by itself, and takes ours for a part.
      if (request.headers.range !== undefined && accepted !== undefined) {
        reply.raw.setHeader('Accept-Ranges', accepted);
      }
      reply.raw.writeHead(200, { ...head, ...headers }).end();
      return reply;
    }
    const sent = await sendContent(request.raw, reply.raw, {
      ...content,
      headers: { ...content.headers, 'X-Request-Id': request.id },
      open: async (range, signal) => {
        if (kept !== undefined) {
          return fromMemory(kept, range);
        }
        const opened = await deps.files.open(stored, { range, signal });
        // Other spellings have other headers, or may come to mean another file. A rule by which a
        // file is shown to some readers only, by more than its row, has to forbid this as well.
        const isKept = range === undefined && request.originalUrl === link;
        return isKept ? deps.hotFiles.keep({ link, stored, version, content }, opened) : opened;
      },
    });
    if (sent.failure !== undefined) {
      deps.log.warn({ requestId: request.id, err: sent.failure }, 'Download aborted');
    }
  } catch (error) {
    sendErrorRaw(error, context);
  }
  return reply;
}

function askedFor(url: string): RequestedAddress {
  const [raw = '', query = ''] = url.slice(prefix.length).split('?', 2);
  const path = pathFromUrl(raw);
  if (path === undefined) {
    throw failed(noPath);
  }
  return { path, query: new URLSearchParams(query) };
}

function sendNoAdmin(reply: FastifyReply): FastifyReply {
  return reply
    .code(401)
    .header('cache-control', 'private, no-store, max-age=0')
    .type('text/plain;charset=UTF-8')
    .send(noAdmin);
}

/** A cache may keep it for a day, as it may keep the file itself. */
function sendBlocked(reply: FastifyReply): FastifyReply {
  return reply
    .code(403)
    .header('cache-control', 'public, max-age=86400')
    .header('content-disposition', 'inline')
    .type('image/png')
    .send(blockPicture);
}

/** Whether the caller may see what others may not. */
async function mayManage(context: Context): Promise<boolean> {
  for (const permission of ['list', 'manage'] as const) {
    try {
      await byToken(context, { permission });
      return true;
    } catch (error) {
      if (!isStowageError(error, 'unauthorized') && !isStowageError(error, 'insufficient_scope')) {
        throw error;
      }
    }
  }
  return false;
}

/** A file that was moved keeps its former links. */
async function sendMoved(
  { request, reply, deps }: Context,
  { path }: RequestedAddress,
): Promise<FastifyReply> {
  const { library } = deps.metadata;
  const moved = await findFile(path, {
    async getByPath(former) {
      const now = await library.movedTo(former);
      return now === undefined ? undefined : deps.files.getByPath(now);
    },
  });
  if (moved === undefined) {
    throw failed(noSuchFile);
  }
  const [asked = '', query] = request.url.slice(prefix.length).split('?', 2);
  // Relative, because links may begin with another address (`urlPrefix`).
  const up = '../'.repeat(asked.split('/').length - 1) || './';
  const location = up + encodePath(moved.file.path) + (query === undefined ? '' : `?${query}`);
  return reply
    .code(301)
    .header('location', location)
    .header('cache-control', 'public, max-age=60, must-revalidate')
    .send();
}
