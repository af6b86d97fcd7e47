import { z } from 'zod';
import { writeFileBackup } from '../../../core/library/file-backup.ts';
import { readCursor, writeCursor } from '../../cursor.ts';
import { failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { queryOf } from '../../query.ts';
import { json, route } from '../../route.ts';
import { exampleRecordMetadata, presentRecordMetadata, recordMetadata } from '../file-metadata.ts';

const recordsAnswer = named('RecordsAnswer', () =>
  z.strictObject({
    success: z.literal(true),
    records: z.array(
      z.strictObject({
        id: z.string().meta({ description: 'Path of the file.' }),
        metadata: recordMetadata(),
        value: z.string().optional().meta({
          description: 'With `includeValue`: what a restore needs. Not meant to be read.',
        }),
      }),
    ),
    nextCursor: z.string().nullable().meta({ description: 'Null at the end.' }),
    totalProcessed: z.int().meta({ description: 'Number of records in this answer.' }),
  }),
);

const maxLimit = 1000;
const wrongCursor = { code: 'validation_error', as: 'cursor', message: 'Unknown cursor' } as const;

/** Upload API 4.6. */
export const listRecords = route({
  id: 'listRecords',
  method: 'GET',
  path: '/api/manage/batch/list',
  permission: 'manage',
  tag: 'Management',
  summary: 'Files for a backup',
  description:
    'All files, newest first, page by page. None is skipped or repeated when others come or go meanwhile. Holds no secrets, and not the bytes.',
  request: {
    query: () =>
      z.object({
        cursor: z.string().optional().meta({ description: '`nextCursor` of the page before.' }),
        limit: z.int().optional().meta({ description: '1 to 1000, default 1000.' }),
        includeValue: z.enum(['true', 'false']).optional(),
      }),
  },
  answers: {
    200: {
      description: 'A page of files.',
      content: json(recordsAnswer, {
        last: {
          value: {
            success: true,
            records: [{ id: 'holidays/photo.jpg', metadata: exampleRecordMetadata }],
            nextCursor: null,
            totalProcessed: 1,
          },
        },
      }),
    },
  },
  failures: [wrongCursor],
  async handler({ request, reply, deps }) {
    const { cursor = '', limit = '', includeValue } = queryOf(request.url);
    const after = cursor === '' ? undefined : readCursor(cursor);
    if (cursor !== '' && after === undefined) {
      throw failed(wrongCursor);
    }
    const wanted = /^[1-9]\d{0,8}$/.test(limit) ? Math.min(Number(limit), maxLimit) : maxLimit;
    const { files, next } = await deps.metadata.records.page({ limit: wanted, after });
    const channels = deps.pool.all();
    const records = files.map((stored) => ({
      id: stored.file.path,
      metadata: presentRecordMetadata(stored.file, deps.pool),
      value: includeValue === 'true' ? writeFileBackup(stored, channels) : undefined,
    }));
    return reply.send({
      success: true,
      records,
      nextCursor: next === undefined ? null : writeCursor(next),
      totalProcessed: records.length,
    });
  },
});
