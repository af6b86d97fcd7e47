import { z } from 'zod';
import { failed } from '../failure.ts';
import { named } from '../openapi/named.ts';
import { queryOf } from '../query.ts';
import { json, route } from '../route.ts';
import { exampleRecordMetadata, presentRecordMetadata, recordMetadata } from './file-metadata.ts';

const uploadersAnswer = named('UploadersAnswer', () =>
  z.array(
    z.strictObject({
      ip: z.string(),
      address: z.string().meta({ description: 'Always empty: no address is looked up.' }),
      count: z.int().meta({ description: 'Files that came from it and are still there.' }),
    }),
  ),
);

const uploaderFilesAnswer = named('UploaderFilesAnswer', () =>
  z.strictObject({
    data: z.array(z.strictObject({ id: z.string(), metadata: recordMetadata() })),
    total: z.int(),
  }),
);

const paging = (count: number) => ({
  start: z.int().min(0).optional().meta({ description: 'How many to skip; default 0.' }),
  count: z
    .int()
    .optional()
    .meta({ description: `1 to 1000, default ${count}.` }),
});

const missingIp = { code: 'bad_request', as: 'no_ip', message: 'Missing ip parameter' } as const;

/** Upload API 4.6. */
export const listUploaders = route({
  id: 'listUploaders',
  method: 'GET',
  path: '/api/manage/cusConfig/list',
  permission: 'manage',
  tag: 'Management',
  summary: 'Addresses that files came from',
  description: 'Those with the most files first.',
  request: { query: () => z.object(paging(10)) },
  answers: {
    200: {
      description: 'A page of addresses.',
      content: json(uploadersAnswer, {
        one: { value: [{ ip: '192.0.2.7', address: '', count: 12 }] },
      }),
    },
  },
  async handler({ request, reply, deps }) {
    const page = pageOf(request.url, 10);
    const uploaders = await deps.metadata.addresses.uploaders(page);
    return reply.send(
      uploaders.map(({ address, files }) => ({ ip: address, address: '', count: files })),
    );
  },
});

export const listUploaderFiles = route({
  id: 'listUploaderFiles',
  method: 'GET',
  path: '/api/manage/cusConfig/files',
  permission: 'manage',
  tag: 'Management',
  summary: 'Files from an address',
  description: 'Newest first.',
  request: { query: () => z.object({ ip: z.string(), ...paging(20) }) },
  answers: {
    200: {
      description: 'A page of files.',
      content: json(uploaderFilesAnswer, {
        one: {
          value: {
            data: [{ id: 'holidays/photo.jpg', metadata: exampleRecordMetadata }],
            total: 1,
          },
        },
      }),
    },
  },
  failures: [missingIp],
  async handler({ request, reply, deps }) {
    const { ip } = queryOf(request.url);
    if (!ip) {
      throw failed(missingIp);
    }
    const { items, total } = await deps.metadata.addresses.filesFrom(ip, pageOf(request.url, 20));
    const data = items.map((file) => ({
      id: file.path,
      metadata: presentRecordMetadata(file, deps.pool),
    }));
    return reply.send({ data, total });
  },
});

/** What is no number counts as absent. */
function pageOf(url: string, usual: number) {
  const { start = '', count = '' } = queryOf(url);
  return {
    offset: /^\d{1,9}$/.test(start) ? Number(start) : 0,
    limit: /^[1-9]\d{0,8}$/.test(count) ? Math.min(Number(count), 1000) : usual,
  };
}
