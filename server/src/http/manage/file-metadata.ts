import { z } from 'zod';
import type { FileRecord } from '../../core/metadata.ts';
import type { ConfiguredChannel } from '../../core/storage/channel-pool.ts';
import { named } from '../openapi/named.ts';

const mebibyte = 2 ** 20;

/** Upload API 1.10. */
export const fileMetadata = named('FileMetadata', () =>
  z.strictObject({
    FileName: z.string().meta({ description: 'As it was sent.' }),
    FileType: z.string(),
    FileSize: z.string().meta({ description: 'MiB, with two decimals.' }),
    FileSizeBytes: z.int(),
    UploadIP: z.string().nullable(),
    UploadAddress: z.string().meta({ description: 'Always empty: no address is looked up.' }),
    ListType: z.enum(['None', 'Block', 'White']),
    TimeStamp: z.int().meta({ description: 'Milliseconds since 1970.' }),
    Label: z.string(),
    Directory: z.string().meta({ description: 'Empty, or with a slash at its end.' }),
    Tags: z.array(z.string()),
    Width: z.number().optional(),
    Height: z.number().optional(),
    Channel: z.string().optional(),
    ChannelName: z.string().optional(),
  }),
);

/** Upload API 1.10, without what backends know a file by. */
export function presentMetadata(file: FileRecord, channel: ConfiguredChannel | undefined) {
  return {
    FileName: file.filename,
    FileType: file.contentType,
    FileSize: (file.size / mebibyte).toFixed(2),
    FileSizeBytes: file.size,
    UploadIP: file.ip,
    UploadAddress: '',
    ListType: file.listType,
    TimeStamp: file.createdAt,
    Label: file.label,
    Directory: file.folder === '' ? '' : `${file.folder}/`,
    Tags: file.tags,
    Width: file.width ?? undefined,
    Height: file.height ?? undefined,
    Channel: channel?.label,
    ChannelName: channel?.name,
  };
}

export const exampleMetadata = {
  FileName: 'photo.jpg',
  FileType: 'image/jpeg',
  FileSize: '0.05',
  FileSizeBytes: 48_213,
  UploadIP: '192.0.2.7',
  UploadAddress: '',
  ListType: 'None',
  TimeStamp: 1_775_822_400_000,
  Label: 'None',
  Directory: 'holidays/',
  Tags: ['sea'],
  Width: 640,
  Height: 480,
  Channel: 'S3',
  ChannelName: 'main',
};
