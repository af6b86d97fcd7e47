import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  type Orientation,
  orientationOfRatio,
  type RandomQuery,
  randomFile,
} from '../../core/library/random-file.ts';
import type { FileRecord } from '../../core/metadata.ts';
import { requestOrigin } from '../address/request-origin.ts';
import { contentHeaders } from '../content/content-headers.ts';
import { failed } from '../failure.ts';
import { named } from '../openapi/named.ts';
import { bytes, text } from '../openapi/shared-schemas.ts';
import { queryOf } from '../query.ts';
import { requestSignal } from '../request-signal.ts';
import { type Context, json, route } from '../route.ts';
import { linkTo } from '../upload/present.ts';
import { folderIn, isAllowed, randomFolders } from './folders.ts';

const randomAnswer = named('RandomAnswer', () =>
  z.strictObject({
    url: z.string().optional().meta({ description: 'Absent when there is no such file.' }),
  }),
);

const orientations = ['landscape', 'portrait', 'square'] as const;
const disabled = {
  code: 'insufficient_scope',
  as: 'disabled',
  status: 403,
  message: 'Random is disabled',
} as const;
const notAllowed = {
  code: 'insufficient_scope',
  as: 'folder',
  status: 403,
  message: 'Directory not allowed',
} as const;

const hints = 'Sec-CH-Viewport-Width, Sec-CH-Viewport-Height';

/** Upload API 4.7. */
export const getRandom = route({
  id: 'getRandom',
  method: 'GET',
  path: '/random',
  permission: 'public',
  tag: 'Pages',
  summary: 'A file by chance',
  description:
    'Needs `randomImage.enabled`, or `randomImageAPI` of the settings over HTTP. Every file that matches has the same chance; blocked ones have none. Nothing that matches is a 200 with `{}`.',
  request: {
    query: () =>
      z.object({
        content: z.string().optional().meta({
          description: 'Parts of the wanted types, separated by commas; default `image`.',
        }),
        type: z.enum(['img', 'url']).optional().meta({
          description: '`img`: the bytes. `url`: a whole link. Default: a link without the host.',
        }),
        form: z.enum(['text']).optional().meta({ description: '`text`: the bare link.' }),
        dir: z.string().optional().meta({
          description: 'Folder, with all below it; one of `randomImage.folders`, or below one.',
        }),
        orientation: z
          .enum([...orientations, 'auto'])
          .optional()
          .meta({
            description:
              'Width by height above 1.1, below 0.9, or between. `auto`: that of the window or the device, otherwise any.',
          }),
      }),
  },
  answers: {
    200: {
      description: 'A link, or the bytes.',
      content: {
        ...json(randomAnswer, {
          one: { value: { url: '/file/holidays/photo.jpg' } },
          none: { value: {} },
        }),
        'text/plain': { schema: text },
        'image/*': { schema: bytes },
      },
    },
  },
  failures: [disabled, notAllowed],
  async handler(context) {
    const { request, reply, deps } = context;
    const { enabled, folders } = await randomFolders(deps);
    if (!enabled) {
      throw failed(disabled);
    }
    const query = queryOf(request.url);
    const folder = folderIn(query.dir ?? '');
    if (!isAllowed(folder, folders)) {
      throw failed(notAllowed);
    }
    reply.header('cache-control', 'no-store');
    const types = (query.content || 'image').split(',').map((type) => type.trim());
    const wanted = { folder, types: types.filter((type) => type !== '') };
    const file = await find({ ...wanted, asked: query.orientation }, context);
    if (file === undefined) {
      return reply.send({});
    }
    if (query.type === 'img') {
      return sendBytes(file, context);
    }
    const link = linkTo(file.path);
    const url = query.type === 'url' ? `${requestOrigin(request.raw, deps.settings)}${link}` : link;
    return query.form === 'text'
      ? reply.type('text/plain;charset=UTF-8').send(url)
      : reply.send({ url });
  },
});

interface Wanted extends RandomQuery {
  readonly asked: string | undefined;
}

async function find(
  { folder, types, asked }: Wanted,
  { request, reply, deps }: Context,
): Promise<FileRecord | undefined> {
  const query: RandomQuery = { folder, types };
  if (asked !== 'auto') {
    const orientation = orientations.find((one) => one === asked);
    return randomFile({ ...query, orientation }, deps.metadata);
  }
  const before = reply.getHeader('vary');
  const vary = `${hints}, User-Agent`;
  reply
    .header('accept-ch', hints)
    .header('vary', before === undefined ? vary : `${before}, ${vary}`);
  const orientation = orientationFor(request);
  const fitting = await randomFile({ ...query, orientation }, deps.metadata);
  return fitting ?? randomFile(query, deps.metadata);
}

/** Undefined when the request tells nothing of the screen. */
function orientationFor({ headers }: FastifyRequest): Orientation | undefined {
  const ratio =
    Number(headers['sec-ch-viewport-width']) / Number(headers['sec-ch-viewport-height']);
  if (Number.isFinite(ratio) && ratio > 0) {
    return orientationOfRatio(ratio);
  }
  const agent = headers['user-agent'] ?? '';
  if (/mobile|android|iphone|ipad/i.test(agent)) {
    return 'portrait';
  }
  return /windows|macintosh|x11|linux/i.test(agent) ? 'landscape' : undefined;
}

async function sendBytes(
  file: FileRecord,
  { request, reply, deps }: Context,
): Promise<FastifyReply> {
  const stored = await deps.files.get(file.id);
  if (stored === undefined) {
    return reply.send({});
  }
  const signal = requestSignal(request.raw);
  const { stream, size } = await deps.files.open(stored, { signal });
  return reply
    .headers(contentHeaders({ ...stored.file, cacheControl: 'no-store' }))
    .header('content-length', size)
    .send(Readable.from(stream));
}
