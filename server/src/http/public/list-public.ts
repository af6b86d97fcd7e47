import { z } from 'zod';
import type { Category, FileRecord } from '../../core/metadata.ts';
import type { Fields } from '../body/urlencoded-form.ts';
import { failed } from '../failure.ts';
import { named } from '../openapi/named.ts';
import { queryOf } from '../query.ts';
import { json, route } from '../route.ts';
import { folderIn, isAllowed, publicFolders } from './folders.ts';

const publicListAnswer = named('PublicListAnswer', () =>
  z.strictObject({
    files: z.array(
      z.strictObject({
        name: z.string().meta({ description: 'Path of the file.' }),
        metadata: z.strictObject({
          FileType: z.string(),
          TimeStamp: z.int(),
          FileSize: z.string().meta({ description: 'MiB, with two decimals.' }),
        }),
      }),
    ),
    directories: z.array(z.string()).meta({ description: 'Directly below, as whole paths.' }),
    totalCount: z.int().meta({ description: 'In the folder and everywhere below.' }),
    returnedCount: z.int(),
    allowedDirs: z.array(z.string()).meta({ description: 'An empty text is everything.' }),
    fromCache: z.literal(false),
  }),
);

const refusal = (as: string, message: string) =>
  ({ code: 'insufficient_scope', as, status: 403, message }) as const;
const disabled = refusal('disabled', 'Public browse is disabled');
const nothingOpen = refusal('nothing', 'No public directories configured');
const notAllowed = refusal('folder', 'Directory not allowed');

const usualCount = 50;
const maxCount = 1000;
const categories: ReadonlyMap<string, readonly Category[]> = new Map<string, readonly Category[]>([
  ['image', ['image']],
  ['video', ['video']],
  ['audio', ['audio']],
  ['other', ['document', 'other']],
]);

/** Upload API 4.7. */
export const listPublic = route({
  id: 'listPublicFiles',
  method: 'GET',
  path: '/api/public/list',
  permission: 'public',
  tag: 'Pages',
  summary: 'Files of a public folder',
  description:
    'Needs `publicBrowse.enabled`, or `publicBrowse` of the settings over HTTP, and a folder of `publicBrowse.folders` or one below. Newest first; blocked files are left out.',
  request: {
    query: () =>
      z.object({
        dir: z.string().optional().meta({ description: 'Default: the root.' }),
        search: z.string().optional().meta({ description: 'A part of the name or path.' }),
        recursive: z.enum(['true', 'false']).optional(),
        type: z.enum(['image', 'video', 'audio', 'other']).optional(),
        start: z.int().min(0).optional(),
        count: z.int().optional().meta({ description: '1 to 1000, default 50.' }),
      }),
  },
  answers: {
    200: {
      description: 'A page of files.',
      content: json(publicListAnswer, {
        one: {
          value: {
            files: [
              {
                name: 'holidays/photo.jpg',
                metadata: {
                  FileType: 'image/jpeg',
                  TimeStamp: 1_775_822_400_000,
                  FileSize: '0.05',
                },
              },
            ],
            directories: ['holidays/sea'],
            totalCount: 12,
            returnedCount: 1,
            allowedDirs: ['holidays'],
            fromCache: false,
          },
        },
      }),
    },
  },
  failures: [disabled, nothingOpen, notAllowed],
  async handler({ request, reply, deps }) {
    const { enabled, folders } = await publicFolders(deps);
    if (!enabled || folders.length === 0) {
      throw failed(enabled ? nothingOpen : disabled);
    }
    const query = queryOf(request.url);
    const folder = folderIn(query.dir ?? '');
    if (!isAllowed(folder, folders)) {
      throw failed(notAllowed);
    }
    const asked = { folder, text: query.search, categories: categories.get(query.type ?? '') };
    const { library } = deps.metadata;
    const [summary, files] = await Promise.all([
      // Without a filter these counts are kept, so that strangers cause no counting.
      library.summary(asked),
      library.page({
        filter: { ...asked, isBlocked: false },
        isRecursive: query.recursive === 'true',
        sortBy: 'time',
        direction: 'desc',
        ...pageOf(query),
      }),
    ]);
    return reply.header('cache-control', 'no-store').send({
      files: files.map(present),
      directories: summary.folders,
      totalCount: summary.totalCount,
      returnedCount: files.length,
      allowedDirs: folders.map(folderIn),
      fromCache: false,
    });
  },
});

function present({ path, contentType, createdAt, size }: FileRecord) {
  const FileSize = (size / 2 ** 20).toFixed(2);
  return { name: path, metadata: { FileType: contentType, TimeStamp: createdAt, FileSize } };
}

/** What is no number counts as absent. */
function pageOf({ start = '', count = '' }: Fields) {
  return {
    offset: /^\d{1,9}$/.test(start) ? Number(start) : 0,
    limit: /^[1-9]\d{0,8}$/.test(count) ? Math.min(Number(count), maxCount) : usualCount,
  };
}
