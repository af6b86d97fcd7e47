import { z } from 'zod';
import { isStowageError } from '../../../core/errors.ts';
import { eachInFolder } from '../../../core/library/each-in-folder.ts';
import type { FileRecord } from '../../../core/metadata.ts';
import { cleanFolder } from '../../../core/naming/folder.ts';
import type { HttpDeps } from '../../deps.ts';
import { failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { queryOf } from '../../query.ts';
import { type Context, json, route } from '../../route.ts';
import { sendJsonStream } from './json-stream.ts';
import { findFolder, findTarget } from './target.ts';

const prefix = '/api/manage/move/';

const moved = () => z.strictObject({ fileId: z.string(), newFileId: z.string() });
const moveAnswer = named('MoveAnswer', () =>
  z.union([
    moved().extend({ success: z.literal(true) }),
    z.strictObject({
      success: z.literal(true),
      processed: z.array(moved()),
      failed: z.array(z.string()).meta({ description: 'Paths of files that stayed.' }),
    }),
  ]),
);

const one = { fileId: 'img/photo.jpg', newFileId: 'old/photo.jpg' };
const impossible = { code: 'bad_request', message: 'Move file failed' } as const;
const taken = { code: 'conflict', message: 'Another file has this name.' } as const;

/** Upload API 4.5. Nothing is overwritten, and a place that a file has already is a success. */
export const moveFile = route({
  id: 'moveFile',
  method: ['POST', 'GET', 'PUT', 'PATCH'],
  path: '/api/manage/move/*',
  permission: 'manage',
  changes: true,
  tag: 'Management',
  summary: 'Move a file or a folder',
  description:
    'Into the folder `dist`, under its own name. With `folder=true` all files of the folder and below, each by itself: those whose place is taken are named in `failed`. The answer is sent as they move; what an interrupted request left can be moved by another. Links to the old path lead to the new one. GET, PUT and PATCH do the same. Needs the permission `manage`.',
  request: {
    params: () =>
      z.object({ path: z.string().meta({ description: 'Path of the file or folder.' }) }),
    query: () =>
      z.object({
        dist: z
          .string()
          .optional()
          .meta({ description: 'The folder to move into. Empty: the root.' }),
        folder: z.enum(['true', 'false']).optional(),
      }),
  },
  answers: {
    200: {
      description: 'Where it is now.',
      content: json(moveAnswer, {
        file: { value: { success: true, ...one } },
        folder: { value: { success: true, processed: [one], failed: [] } },
      }),
    },
  },
  failures: [impossible, taken],
  undecodable: impossible,
  async handler(context) {
    const query = queryOf(context.request.url);
    const dist = cleanFolder(query.dist ?? '');
    if (query.folder === 'true') {
      return sendJsonStream(context.reply, folderMoved(context, await placeFor(context, dist)));
    }
    const stored = await findTarget(context, prefix);
    if (stored === undefined) {
      throw failed(impossible);
    }
    const newFileId = join(dist, lastOf(stored.file.path));
    await moveTo(stored.file.id, newFileId, context.deps);
    return context.reply.send({ success: true, fileId: stored.file.path, newFileId });
  },
});

interface Place {
  readonly from: string;
  readonly to: string;
}

/** A folder cannot move into itself. */
async function placeFor(context: Context, dist: string): Promise<Place> {
  const from = await findFolder(context, prefix);
  if (from === undefined) {
    throw failed(impossible);
  }
  const to = join(dist, lastOf(from));
  if (to.startsWith(`${from}/`)) {
    throw failed(impossible);
  }
  return { from, to };
}

async function* folderMoved({ deps }: Context, { from, to }: Place): AsyncGenerator<string> {
  const stayed: string[] = [];
  let separator = '';
  yield '{"success":true,"processed":[';
  const move = async (file: FileRecord) => {
    const newFileId = to + file.path.slice(from.length);
    return { fileId: file.path, newFileId, ok: await mayMove(file.id, newFileId, deps) };
  };
  for await (const { ok, ...place } of eachInFolder(deps.metadata.library, from, move)) {
    if (ok) {
      yield separator + JSON.stringify(place);
      separator = ',';
    } else {
      stayed.push(place.fileId);
    }
  }
  yield `],"failed":${JSON.stringify(stayed)}}`;
}

async function mayMove(id: string, path: string, deps: HttpDeps): Promise<boolean> {
  try {
    await moveTo(id, path, deps);
    return true;
  } catch (error) {
    if (!isStowageError(error)) {
      throw error;
    }
    return false;
  }
}

async function moveTo(id: string, path: string, { metadata, now }: HttpDeps): Promise<void> {
  if (Buffer.byteLength(path) > 1024 || !(await metadata.library.move(id, { path, at: now() }))) {
    throw failed(impossible);
  }
}

function join(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
