import { z } from 'zod';
import { named } from '../named.ts';

const sha256 = z
  .string()
  .regex(/^[0-9a-fA-F]{64}$/)
  .meta({ description: 'SHA-256 of the whole file, hexadecimal.' });
const fileSize = z.int().positive().meta({ description: 'Bytes of the whole file.' });
const channelName = z.string().optional().meta({ description: 'A Hugging Face channel by name; else the first.' });

export const directUploadRequest = named(
  'DirectUploadRequest',
  z.object({
    fileName: z.string().min(1),
    fileType: z.string().optional(),
    fileSize,
    sha256,
    fileSample: z.base64().meta({ description: 'The first 512 bytes, base64.' }),
    channelName,
    uploadNameType: z.enum(['default', 'index', 'origin', 'short']).optional().meta({ description: 'As in POST /upload.' }),
    uploadFolder: z.string().optional().meta({ description: 'As in POST /upload.' }),
  }),
);

export const directUploadAnswer = named(
  'DirectUploadAnswer',
  z.strictObject({
    success: z.literal(true),
    fullId: z.string().meta({ description: 'Path of the file to be; for `commitUpload`.' }),
    filePath: z.string().meta({ description: 'Path inside the repository; for `commitUpload`.' }),
    channelName: z.string(),
    repo: z.string(),
    isPrivate: z.boolean(),
    needsLfs: z.boolean().meta({ description: 'False: nothing to upload, commit at once.' }),
    alreadyExists: z.boolean().meta({ description: 'True: Hugging Face has these bytes, commit at once.' }),
    oid: z.string(),
    uploadAction: z
      .strictObject({
        href: z
          .url()
          .meta({ description: 'Where to PUT the file; with `chunk_size`, where to POST the list of parts at the end.' }),
        header: z.record(z.string(), z.string()).meta({
          description:
            'Headers of the PUT. With `chunk_size` (bytes of a part) there is one address per part instead: `00001`, `00002`, ...',
        }),
      })
      .optional(),
  }),
);

export const directCommitRequest = named(
  'DirectCommitRequest',
  z.object({
    fullId: z.string().min(1),
    filePath: z.string().min(1),
    sha256,
    fileSize,
    fileName: z.string().optional(),
    fileType: z.string().optional(),
    channelName,
  }),
);

export const directCommitAnswer = named(
  'DirectCommitAnswer',
  z.strictObject({
    success: z.literal(true),
    src: z.string().meta({ description: 'Link to the file here.' }),
    fileUrl: z.string().meta({ description: 'Address of the file at Hugging Face.' }),
    fullId: z.string(),
    publicUrl: z.string().optional().meta({ description: 'With the configured prefix; only when there is one.' }),
  }),
);

export const directParts = named(
  'DirectParts',
  z.object({
    oid: z.string().meta({ description: 'As answered by `getUploadUrl`.' }),
    parts: z
      .array(
        z.object({
          partNumber: z.int().min(1),
          etag: z.string().meta({ description: 'ETag that the PUT of the part answered.' }),
        }),
      )
      .min(1),
  }),
);

export const directPartsAnswer = named('DirectPartsAnswer', z.unknown().meta({ description: 'What Hugging Face answered.' }));

export const directError = named('DirectError', z.strictObject({ error: z.string() }));
