import { z } from 'zod';
import { supportedTypes } from '../../media/media-types.ts';
import { uploadFromUrlSchema } from '../../media/upload-from-url.ts';
import { uploadRequestSchema } from '../../media/upload-request.ts';
import { named } from '../named.ts';
import { timestamp } from './common.ts';
import { answer } from './envelope.ts';

const { shape: asked } = uploadRequestSchema;

/** What the server validates, with what it accepts besides and what the settings demand by default. */
export const uploadMediaRequest = named(
  'UploadMediaRequest',
  uploadRequestSchema
    .extend({
      content_type: asked.content_type.meta({
        description: `In any case, also by its other names: ${supportedTypes.join(', ')}. An empty or generic type (\`application/octet-stream\`) leaves it to the extension of filename.`,
        examples: [...supportedTypes],
      }),
      size: asked.size.unwrap().unwrap().optional().meta({
        description: 'Size in bytes. By default at most 20 MiB for images and documents, 500 MiB for videos.',
        example: 2_048_576,
      }),
      file_size: z
        .int()
        .positive()
        .optional()
        .meta({ description: 'Another name of `size`: one of both is needed.', deprecated: true }),
      width: asked.width.meta({ description: 'Width in pixels; what the file itself says counts more.' }),
      height: asked.height.meta({ description: 'Height in pixels; what the file itself says counts more.' }),
      duration: asked.duration.meta({ description: 'Length of a video in seconds; what the file itself says counts more.' }),
    })
    .refine(({ size, file_size }) => size !== undefined || file_size !== undefined, 'size is required.')
    .meta({ anyOf: [{ required: ['size'] }, { required: ['file_size'] }] }),
);

const mediaId = z.uuid().meta({ description: 'The id of this media.' });
const idAlias = z.uuid().meta({ description: 'The same as `media_id`.' });
const ids = { media_id: mediaId, id: idAlias, media_ids: z.array(z.uuid()).meta({ description: 'The same id, as a list.' }) };

export const uploadFromUrlRequest = named('UploadFromUrlRequest', uploadFromUrlSchema);

const uploadMethod = named(
  'UploadMethod',
  z.strictObject({
    method: z.enum(['POST', 'PUT']).meta({ description: 'POST takes a form, PUT the bytes alone.' }),
    content_type: z.string().meta({ description: 'Content-Type to send. For a form the client adds its boundary.' }),
    field_name: z.string().nullable().meta({ description: 'Name of the form field of the file; null for PUT.' }),
    headers: z.record(z.string(), z.string()).optional().meta({ description: 'Headers to send with a PUT, all of them.' }),
  }),
);

export const uploadMediaAnswer = answer(
  'UploadMediaAnswer',
  z.strictObject({
    ...ids,
    upload_url: z.url().meta({ description: 'Where to send the bytes. Needs no token: whoever has the address may upload.' }),
    upload_method: uploadMethod,
    provider: z.enum(['cloudflare_images', 'r2']).meta({
      description: 'The way to upload, on every channel: `cloudflare_images` takes a form by POST, `r2` the bytes by PUT.',
    }),
    channel: z
      .strictObject({ type: z.string(), name: z.string() })
      .meta({ description: 'The channel that the bytes go to, whatever `provider` says.' }),
    protocol: z.enum(['https', 'http']),
    status: z.literal('uploading'),
    expires_in: z
      .int()
      .meta({ description: 'Seconds for which `upload_url` is valid. A transfer that began in time may finish.' }),
    expires_at: timestamp,
    max_size: z.int().meta({ description: 'Most bytes that `upload_url` takes.' }),
    next_step: z.string(),
  }),
);

const state = z.enum(['uploading', 'ready', 'failed']);
const alias = (name: string) => ({ description: `The same as \`${name}\`.` });
const kind = z.enum(['image', 'video', 'audio', 'document', 'other']);
const byteCount = z.int().nullable();

const mediaFields = {
  ...ids,
  status: state.meta({ description: '`uploading` until it is completed; `failed` when the file was refused.' }),
  media_status: state.meta(alias('status')),
  upload_status: state.meta(alias('status')),
  type: kind.meta({ description: 'Files of the Upload API may be of any kind.' }),
  media_type: kind.meta(alias('type')),
  filename: z.string().meta({ description: 'The name that the caller gave.' }),
  original_name: z.string().meta(alias('filename')),
  content_type: z.string().meta({ description: 'What the bytes are; as declared until the upload is completed.' }),
  mime_type: z.string().meta(alias('content_type')),
  size: byteCount.meta({ description: 'Bytes; null while neither declared nor received.' }),
  file_size: byteCount.meta(alias('size')),
  width: z.int().nullable().meta({ description: 'Pixels, as shown (orientation applied).' }),
  height: z.int().nullable().meta({ description: 'Pixels, as shown (orientation applied).' }),
  dimensions: z.strictObject({ width: z.int(), height: z.int() }).nullable().meta({ description: 'Both, when known.' }),
  aspect_ratio: z.number().nullable().meta({ description: 'Width divided by height, four decimals.' }),
  orientation: z.enum(['landscape', 'portrait', 'square']).nullable(),
  duration: z.number().nullable().meta({ description: 'Seconds, of videos.' }),
  url: z.url().nullable().meta({ description: 'The lasting link; null while there is no file, or when the owner hides links.' }),
  thumbnail_url: z.url().nullable().meta({ description: 'A picture to show for it; images only.' }),
  error_message: z.string().nullable().meta({ description: 'Why it failed.' }),
  created_at: timestamp,
};

const media = named('Media', z.strictObject(mediaFields));

export const mediaAnswer = answer('MediaAnswer', media);

export const completeMediaRequest = named(
  'CompleteMediaRequest',
  z.looseObject({}).meta({ description: 'Anything: it is not looked at.' }),
);

export const completeMediaAnswer = answer(
  'CompleteMediaAnswer',
  z.strictObject({
    ...mediaFields,
    message: z.string(),
    next_step: z.string(),
    warnings: z.array(z.string()).optional().meta({ description: 'What differed from the declaration and was put right.' }),
  }),
);

export const uploadFromUrlAnswer = answer(
  'UploadFromUrlAnswer',
  z.strictObject({
    ...mediaFields,
    source_url: z.string().meta({ description: 'As it was asked for.' }),
    next_step: z.string(),
  }),
);

const count = z.int().min(0);

export const listMediaAnswer = answer(
  'ListMediaAnswer',
  z.strictObject({
    media: z.array(media).meta({ description: 'One page, newest first.' }),
    items: z.array(media).meta(alias('media')),
    media_ids: z.array(z.uuid()).meta({ description: 'The ids of the page.' }),
    total: count.meta({ description: 'All that match, whatever the page.' }),
    next_cursor: z
      .string()
      .nullable()
      .meta({ description: 'For `cursor` of the next page of finished media; null when there is none.' }),
    pagination: z.strictObject({ limit: count, offset: count, total: count, has_more: z.boolean() }),
  }),
);

export const deleteMediaAnswer = answer(
  'DeleteMediaAnswer',
  z.strictObject({ media_id: mediaId, id: idAlias, deleted: z.literal(true), message: z.string() }),
);
