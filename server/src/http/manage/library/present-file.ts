import { z } from 'zod';
import type { FileRecord } from '../../../core/metadata.ts';
import type { ChannelPool } from '../../../core/storage/channel-pool.ts';
import { named } from '../../openapi/named.ts';

export const fileMetadata = named('FileMetadata', () =>
  z.strictObject({
    FileName: z.string(),
    FileType: z.string(),
    FileSize: z.string().meta({ description: 'Megabytes with two decimals.' }),
    FileSizeBytes: z.int(),
    UploadIP: z.string().nullable(),
    UploadAddress: z.string().meta({ description: 'Always `未知`: addresses are not looked up.' }),
    ListType: z.enum(['None', 'Block', 'White']),
    TimeStamp: z.int().meta({ description: 'Milliseconds since the epoch.' }),
    Label: z.string().meta({ description: '`None`, `everyone`, `teen` or `adult`.' }),
    Directory: z.string().meta({ description: 'Empty for the root, otherwise `a/b/`.' }),
    Tags: z.array(z.string()),
    Width: z.int().optional(),
    Height: z.int().optional(),
    Channel: z.string(),
    ChannelName: z.string(),
  }),
);

export const listedFile = named('ListedFile', () =>
  z.strictObject({ name: z.string().meta({ description: 'Its path.' }), metadata: fileMetadata() }),
);

export const exampleMetadata = {
  FileName: 'photo.jpg',
  FileType: 'image/jpeg',
  FileSize: '0.10',
  FileSizeBytes: 104_857,
  UploadIP: '192.0.2.1',
  UploadAddress: '未知',
  ListType: 'None',
  TimeStamp: 1_796_000_000_000,
  Label: 'None',
  Directory: 'img/test/',
  Tags: ['holiday'],
  Width: 640,
  Height: 480,
  Channel: 'Local',
  ChannelName: 'local',
};

/** Upload API 1.10. Refs of a store, and with them every secret, stay inside. */
export function presentMetadata(file: FileRecord, pool: Pick<ChannelPool, 'all'>) {
  const channel = pool.all().find(({ id }) => id === file.channelId);
  return {
    FileName: file.filename,
    FileType: file.contentType,
    FileSize: (file.size / 1024 / 1024).toFixed(2),
    FileSizeBytes: file.size,
    UploadIP: file.ip,
    // Upload API 1.10: the word is part of the wire format.
    UploadAddress: '未知',
    ListType: file.listType,
    TimeStamp: file.createdAt,
    Label: file.label,
    Directory: file.folder === '' ? '' : `${file.folder}/`,
    Tags: file.tags,
    Width: file.width ?? undefined,
    Height: file.height ?? undefined,
    Channel: channel?.label ?? '',
    ChannelName: channel?.name ?? '',
  };
}

export function presentFile(file: FileRecord, pool: Pick<ChannelPool, 'all'>) {
  return { name: file.path, metadata: presentMetadata(file, pool) };
}
