import { z } from 'zod';
import { essenceOf } from '../../../core/content-type/media-types.ts';
import { displayName } from '../../../core/naming/file-id.ts';
import { cleanText } from '../../../core/naming/path-text.ts';
import { failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { json, route } from '../../route.ts';
import { messageDialect } from './message-dialect.ts';
import { exampleMetadata, fileMetadata, presentMetadata } from './present-file.ts';
import { notJson, readMessageBody } from './read-message-body.ts';
import { findTarget } from './target.ts';

const editRequest = named('EditMetadataRequest', () =>
  z.object({
    FileName: z.string().optional().meta({ description: 'For display and downloads.' }),
    FileType: z.string().optional().meta({ description: 'A media type.', example: 'image/png' }),
  }),
);
const editAnswer = named('EditMetadataAnswer', () =>
  z.strictObject({ success: z.literal(true), metadata: fileMetadata() }),
);

const nothing = {
  code: 'bad_request',
  as: 'nothing',
  message: 'At least one of FileName or FileType is required.',
} as const;
const noType = {
  code: 'bad_request',
  as: 'type',
  message: 'FileType is not a media type.',
} as const;
const notFound = { code: 'not_found', message: 'File not found.' } as const;

/** Upload API 4.5. */
export const editMetadata = route({
  id: 'editFileMetadata',
  method: 'PATCH',
  path: '/api/manage/metadata/*',
  permission: 'manage',
  tag: 'Management',
  summary: 'Change the name for display or the type of a file',
  description:
    'The link stays. Whatever the type, nothing of a file runs in the origin of this server. Needs the permission `manage`.',
  request: {
    params: () => z.object({ path: z.string().meta({ description: 'Path of the file.' }) }),
    body: {
      required: true,
      content: json(editRequest, { one: { value: { FileName: 'Sunset.jpg' } } }),
    },
  },
  answers: {
    200: {
      description: 'The file as it is now.',
      content: json(editAnswer, { one: { value: { success: true, metadata: exampleMetadata } } }),
    },
  },
  failures: [notJson, nothing, noType, notFound],
  undecodable: notFound,
  dialect: messageDialect,
  async handler(context) {
    const { reply, deps } = context;
    const body = await readMessageBody(context, 'manage');
    const filename = nameIn(body.FileName);
    const contentType = typeIn(body.FileType);
    if (filename === undefined && contentType === undefined) {
      throw failed(nothing);
    }
    const stored = await findTarget(context, '/api/manage/metadata/');
    const file =
      stored &&
      (await deps.metadata.library.update(stored.file.id, {
        filename,
        contentType,
        at: deps.now(),
      }));
    if (file === undefined) {
      throw failed(notFound);
    }
    return reply.send({ success: true, metadata: presentMetadata(file, deps.pool) });
  },
});

function nameIn(value: unknown): string | undefined {
  const text = typeof value === 'string' ? cleanText(value).trim() : '';
  return text === '' ? undefined : displayName(text);
}

function typeIn(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.trim() === '') {
    return undefined;
  }
  const type = essenceOf(value);
  if (type === undefined) {
    throw failed(noType);
  }
  return type;
}
