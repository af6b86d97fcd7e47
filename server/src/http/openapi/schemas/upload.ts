import { z } from 'zod';
import { named } from '../named.ts';
import { timestamp } from './common.ts';

const uploadId = z.string().min(1).meta({ description: 'From the first step.' });
const totalChunks = z.int().min(1).meta({ description: 'Number of chunks; by default at most 10,000.' });
const originalFileName = z.string().min(1).meta({ description: 'Name of the whole file.', example: 'video.mp4' });
const originalFileType = z.string().meta({ description: 'MIME type of the whole file; may be empty.', example: 'video/mp4' });

const uploadFileForm = named(
  'UploadFileForm',
  z
    .object({ file: z.file().meta({ description: 'The file, with its name. May come several times: all are stored, or none.' }) })
    .meta({
      title: 'A whole file',
      description:
        'Other fields may come before or after the file, but `uploadChannel`, `channelName`, `serverCompress` and `autoRetry` before it.',
    }),
);

const chunkedInitForm = named(
  'ChunkedInitForm',
  z.object({ originalFileName, originalFileType, totalChunks }).meta({ title: 'Chunked upload, step 1: start' }),
);

const step = { uploadId, totalChunks, originalFileName, originalFileType };

const chunkForm = named(
  'ChunkForm',
  z
    .object({
      file: z.file().meta({ description: 'The bytes of the chunk.' }),
      ...step,
      chunkIndex: z.int().min(0).meta({ description: 'Which chunk, from 0; in any order.' }),
    })
    .meta({ title: 'Chunked upload, step 2: one chunk' }),
);

const chunkedMergeForm = named('ChunkedMergeForm', z.object(step).meta({ title: 'Chunked upload, step 3: merge' }));

const chunkedCleanupForm = named(
  'ChunkedCleanupForm',
  z.object({ uploadId, totalChunks: totalChunks.optional() }).partial().meta({
    title: 'Chunked upload: give up',
    description: 'Both may stand in the query instead.',
  }),
);

export const uploadForm = named(
  'UploadForm',
  z.union([uploadFileForm, chunkedInitForm, chunkForm, chunkedMergeForm, chunkedCleanupForm]),
);

/** Steps without a file may come as `application/x-www-form-urlencoded`. */
export const uploadFields = named('UploadFields', z.union([chunkedInitForm, chunkedMergeForm, chunkedCleanupForm]));

const uploaded = named(
  'Uploaded',
  z
    .array(
      z.strictObject({
        src: z.string().meta({
          description: 'Link to the file, without the host unless `returnFormat=full`. Percent-encoded: use it as it is.',
          example: '/file/abc123_image.jpg',
        }),
        publicUrl: z.string().optional().meta({ description: 'With the configured prefix; only when there is one.' }),
      }),
    )
    .min(1)
    .meta({ title: 'Stored files', description: 'One for each file of the form, in the same order.' }),
);

const chunkedStarted = named(
  'ChunkedStarted',
  z
    .strictObject({
      success: z.literal(true),
      uploadId: z.string(),
      sessionInfo: z.strictObject({
        uploadId: z.string(),
        originalFileName: z.string(),
        totalChunks: z.int(),
        uploadChannel: z.string(),
      }),
    })
    .meta({ title: 'A started chunked upload' }),
);

const chunkStored = named(
  'ChunkStored',
  z
    .strictObject({
      success: z.literal(true),
      message: z.string(),
      uploadId: z.string(),
      chunkIndex: z.int(),
    })
    .meta({ title: 'A stored chunk' }),
);

const chunkedCleaned = named(
  'ChunkedCleaned',
  z
    .strictObject({ success: z.literal(true), message: z.string(), uploadId: z.string(), cleanedChunks: z.int() })
    .meta({ title: 'A dropped chunked upload' }),
);

export const uploadAnswer = named('UploadAnswer', z.union([uploaded, chunkedStarted, chunkStored, chunkedCleaned]));

export const chunkedStatus = named(
  'ChunkedStatus',
  z.strictObject({
    success: z.literal(true),
    uploadId: z.string(),
    status: z.enum(['open', 'merged']),
    originalFileName: z.string(),
    totalChunks: z.int(),
    uploadedChunks: z.array(z.int()).meta({ description: 'Indexes that need not be sent again, ascending.' }),
    expiresAt: timestamp,
    result: uploaded.optional().meta({ description: 'The answer of the merge, once there was one.' }),
  }),
);

export const cleanupRefusal = named(
  'CleanupRefusal',
  z.strictObject({ error: z.string(), uploadId: z.string().optional() }).meta({ title: 'Why nothing was dropped' }),
);

const channel = z.strictObject({
  name: z.string().meta({ description: 'For the parameter `channelName`.' }),
  type: z.string().meta({ description: 'As in the metadata of files, such as `S3`.' }),
});
const channels = z.array(channel);

export const channelsAnswer = named(
  'ChannelsAnswer',
  z
    .strictObject({
      telegram: channels,
      cfr2: channels,
      s3: channels,
      discord: channels,
      huggingface: channels,
      webdav: channels,
    })
    .catchall(channels)
    .meta({
      description: 'Channels by group, for `uploadChannel`. The six groups are always there, others when they have channels.',
    }),
);
