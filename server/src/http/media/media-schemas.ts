import { z } from 'zod';
import type { HeaderName } from '../openapi/headers.ts';
import { named } from '../openapi/named.ts';
import { timestamp } from '../openapi/shared-schemas.ts';
import { exampleOf } from './envelope-schemas.ts';

/** On every response to a known token. */
export const rateHeaders = [
  'X-Request-Id',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
] as const satisfies readonly HeaderName[];

export const byId = () =>
  z.object({
    id: z
      .uuid()
      .meta({ description: 'Id of the media; text of any other form counts as an unknown id.' }),
  });

export const noSuchMedia = { code: 'not_found', message: 'Media not found.' } as const;
/** Of calls that need room in a storage channel. */
export const noRoom = {
  code: 'storage_quota_exceeded',
  details: { used: 4_900_000_000, limit: 5_000_000_000 },
} as const;

/** In the words of `core/uploads/open-uploads.ts`. */
export const tooManyUnfinished = {
  code: 'rate_limit_exceeded',
  as: 'unfinished',
  message: 'More than 1000 unfinished uploads. Complete or cancel some, or wait until they expire.',
  retryAfterMs: 60_000,
} as const;

export const holdsAnother = {
  code: 'content_type_mismatch',
  message: 'The file is image/jpeg, but holds text/html as well.',
  details: { declared: 'image/jpeg', detected: 'text/html' },
} as const;

export const tooManyFrames = {
  code: 'unprocessable',
  message: 'The picture has more than 5000 frames.',
  details: { maxFrames: 5000 },
} as const;

export const mediaId = () => z.uuid().meta({ description: 'The id of this media.' });
export const idAlias = () => z.uuid().meta({ description: 'The same as `media_id`.' });
export const ids = () => ({
  media_id: mediaId(),
  id: idAlias(),
  media_ids: z.array(z.uuid()).meta({ description: 'The same id, as a list.' }),
});

const state = () => z.enum(['uploading', 'ready', 'failed']);
export const alias = (name: string) => ({ description: `The same as \`${name}\`.` });
const kind = () => z.enum(['image', 'video', 'audio', 'document', 'other']);
const byteCount = () => z.int().nullable();

/** Media API 5.2: every name that some client reads. */
export const mediaFields = () => ({
  ...ids(),
  status: state().meta({
    description: '`uploading` until it is completed; `failed` when the file was refused.',
  }),
  media_status: state().meta(alias('status')),
  upload_status: state().meta(alias('status')),
  type: kind().meta({ description: 'Files of the Upload API may be of any kind.' }),
  media_type: kind().meta(alias('type')),
  filename: z.string().meta({ description: 'The name that the caller gave.' }),
  original_name: z.string().meta(alias('filename')),
  content_type: z
    .string()
    .meta({ description: 'What the bytes are; as declared until the upload is completed.' }),
  mime_type: z.string().meta(alias('content_type')),
  size: byteCount().meta({ description: 'Bytes; null while neither declared nor received.' }),
  file_size: byteCount().meta(alias('size')),
  width: z.int().nullable().meta({ description: 'Pixels, as shown (orientation applied).' }),
  height: z.int().nullable().meta({ description: 'Pixels, as shown (orientation applied).' }),
  dimensions: z
    .strictObject({ width: z.int(), height: z.int() })
    .nullable()
    .meta({ description: 'Both, when known.' }),
  aspect_ratio: z
    .number()
    .nullable()
    .meta({ description: 'Width divided by height, four decimals.' }),
  orientation: z.enum(['landscape', 'portrait', 'square']).nullable(),
  duration: z.number().nullable().meta({ description: 'Seconds, of videos.' }),
  url: z.url().nullable().meta({
    description: 'The permanent link; null while there is no file, or when the owner hides links.',
  }),
  thumbnail_url: z.url().nullable().meta({ description: 'Preview image; images only.' }),
  error_message: z.string().nullable().meta({ description: 'Why it failed.' }),
  created_at: timestamp,
});

export const media = named('Media', () => z.strictObject(mediaFields()));

export const exampleId = '019aab3c-6f00-7c2e-9d41-5b8f3a7e1c02';
const link = `https://media.example/file/media/${exampleId}.jpg`;

export const exampleMedia = {
  media_id: exampleId,
  id: exampleId,
  media_ids: [exampleId],
  status: 'ready',
  media_status: 'ready',
  upload_status: 'ready',
  type: 'image',
  media_type: 'image',
  filename: 'product-photo.jpg',
  original_name: 'product-photo.jpg',
  content_type: 'image/jpeg',
  mime_type: 'image/jpeg',
  size: 2_048_576,
  file_size: 2_048_576,
  width: 1600,
  height: 1200,
  dimensions: { width: 1600, height: 1200 },
  aspect_ratio: 1.3333,
  orientation: 'landscape',
  duration: null,
  url: link,
  thumbnail_url: link,
  error_message: null,
  created_at: '2026-04-10T12:00:00.000Z',
};

export const mediaExample = { image: { value: exampleOf(exampleMedia) } };
