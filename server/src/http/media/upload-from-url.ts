import { z } from 'zod';
import { fail, isStowageError } from '../../core/errors.ts';
import { cleanText } from '../../core/naming/path-text.ts';
import type { Media } from '../../core/uploads/presigned/media.ts';
import { jsonFailures, readJsonObject } from '../body/json-body.ts';
import { named } from '../openapi/named.ts';
import { note } from '../request-notes.ts';
import { requestSignal } from '../request-signal.ts';
import { type Context, json, route } from '../route.ts';
import { exampleOf, success } from './envelope-schemas.ts';
import { idempotencyFailures, idempotencyHeader, idempotent } from './idempotency.ts';
import { invalidRequest, problemsOf } from './invalid-request.ts';
import {
  exampleId,
  exampleMedia,
  holdsAnother,
  mediaFields,
  noRoom,
  rateHeaders,
  tooManyFrames,
} from './media-schemas.ts';
import { supportedTypes } from './media-types.ts';
import { presentMedia } from './present.ts';
import { misspelt, uploadRequestSchema } from './upload-request.ts';

type Body = Readonly<Record<string, unknown>>;

/** Media API 5.4. Unknown fields are ignored. */
const uploadFromUrlSchema = z.object({
  url: z
    .string({
      error: (issue) => (issue.input === undefined ? 'url is required.' : 'url must be a string.'),
    })
    .min(1, 'url must not be empty.')
    .max(8192, 'url must have at most 8192 characters.')
    .meta({ description: 'Public address of the file', example: 'https://example.com/photo.jpg' }),
  filename: uploadRequestSchema.shape.filename.nullish().meta({
    description: 'Name of the file; default: the last segment of the path of url',
    example: 'photo.jpg',
  }),
});

const uploadFromUrlRequest = named('UploadFromUrlRequest', () => uploadFromUrlSchema);

const uploadFromUrlAnswer = success('UploadFromUrlAnswer', () =>
  z.strictObject({
    ...mediaFields(),
    source_url: z.string().meta({ description: 'The url as the request gave it.' }),
    next_step: z.string(),
  }),
);

const exampleImage = exampleOf({
  ...exampleMedia,
  source_url: 'https://example.com/photos/product-photo.jpg',
  next_step: nextStep('ready', exampleId),
});

const exampleVideo = exampleOf({
  ...exampleMedia,
  status: 'uploading',
  media_status: 'uploading',
  upload_status: 'uploading',
  type: 'video',
  media_type: 'video',
  filename: 'clip.mp4',
  original_name: 'clip.mp4',
  content_type: 'video/mp4',
  mime_type: 'video/mp4',
  size: null,
  file_size: null,
  width: null,
  height: null,
  dimensions: null,
  aspect_ratio: null,
  orientation: null,
  url: null,
  thumbnail_url: null,
  source_url: 'https://example.com/clip.mp4',
  next_step: nextStep('uploading', exampleId),
});

const whatIsImported =
  'Images and MP4 videos can be imported from a url; ' +
  'upload other files with POST /media/upload, a PUT to upload_url, and POST /media/{media_id}/complete.';

/**
 * Media API 5.4: images are ready with the answer (201), videos are fetched in the background
 * (202).
 */
export const uploadFromUrl = route({
  id: 'uploadMediaFromUrl',
  method: 'POST',
  path: '/api/v1/media/upload-from-url',
  permission: 'upload',
  tag: 'Media',
  summary: 'Import a file from a public URL',
  description:
    'In one step. Images are ready with the answer; an MP4 video is fetched in the background: poll it until it is `ready` or `failed`. Addresses that are not public are refused, also behind redirects.',
  request: {
    headers: idempotencyHeader,
    body: {
      required: true,
      content: json(uploadFromUrlRequest, {
        image: { value: { url: exampleImage.data.source_url } },
      }),
    },
  },
  answers: {
    201: {
      description: 'The image is stored.',
      headers: [...rateHeaders, 'Idempotency-Replayed'],
      content: json(uploadFromUrlAnswer, { image: { value: exampleImage } }),
    },
    202: {
      description: 'The video is being fetched.',
      headers: [...rateHeaders, 'Idempotency-Replayed'],
      content: json(uploadFromUrlAnswer, { video: { value: exampleVideo } }),
    },
  },
  failures: [
    noRoom,
    ...jsonFailures,
    ...idempotencyFailures,
    {
      code: 'validation_error',
      message: 'url is required.',
      details: { field: 'url', validationErrors: [] },
    },
    { error: () => misspelt('source_url', 'url') },
    'invalid_url',
    'url_not_allowed',
    {
      code: 'too_large',
      message: 'The file is larger than the 25 MB limit.',
      details: { maxBytes: 26_214_400 },
    },
    {
      code: 'unsupported_media_type',
      as: 'file',
      message: `The url leads to text/html. ${whatIsImported}`,
      details: {
        detected: 'text/html',
        supportedTypes: supportedTypes.filter((type) => !type.startsWith('application/')),
      },
    },
    { code: 'fetch_failed', details: { upstreamStatus: 404 } },
    'fetch_timeout',
    'invalid_media',
    holdsAnother,
    'empty_file',
    tooManyFrames,
    'disk_full',
  ],
  async handler(context) {
    const { request, deps, caller } = context;
    note(request.raw, { upload: 'import' });
    const body = await readJsonObject(request.raw);
    return idempotent({ ...context, body }, async () => {
      const { url, filename } = readBody(body);
      const { ip } = request;
      const signal = requestSignal(request.raw);
      const media = await deps.imports
        .start(
          { url, filename: filename ? cleanText(filename) : undefined, ip, signal },
          caller.owner,
        )
        .catch(withHint);
      return { status: media.state === 'ready' ? 201 : 202, data: present(media, url, context) };
    });
  },
});

/** A caller whose file cannot be imported may upload it. */
function withHint(error: unknown): never {
  if (!isStowageError(error, 'unsupported_media_type')) {
    throw error;
  }
  const { message, details } = error;
  throw fail('unsupported_media_type', { message: `${message} ${whatIsImported}`, details });
}

function present(media: Media, url: string, { request, deps }: Context) {
  const shown = presentMedia(media, { request: request.raw, settings: deps.settings });
  return { ...shown, source_url: url, next_step: nextStep(media.state, shown.id) };
}

function nextStep(state: Media['state'], id: string): string {
  if (state === 'ready') {
    return `Media is ready. Attach it to a post by passing "media_ids": ["${id}"] to POST /v1/posts.`;
  }
  return `The video is being imported. Poll GET /media/${id} until media_status is "ready" or "failed".`;
}

/** Names that people send by mistake. */
const otherNames = [
  'source_url',
  'sourceUrl',
  'media_url',
  'mediaUrl',
  'image_url',
  'video_url',
  'file_url',
  'uri',
  'link',
  'src',
];

function readBody(body: Body): z.infer<typeof uploadFromUrlSchema> {
  const wrong = otherNames.find((name) => Object.hasOwn(body, name));
  if (wrong !== undefined && !Object.hasOwn(body, 'url')) {
    throw misspelt(wrong, 'url');
  }
  const parsed = uploadFromUrlSchema.safeParse(body);
  if (parsed.success) {
    return parsed.data;
  }
  const problems = problemsOf(parsed.error);
  throw invalidRequest(problems[0]?.message, problems);
}
