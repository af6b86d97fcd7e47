import { z } from 'zod';
import type { StartedUpload } from '../../core/uploads/presigned/presigned-upload.ts';
import { requestOrigin } from '../address/request-origin.ts';
import { jsonFailures, readJsonObject } from '../body/json-body.ts';
import { named } from '../openapi/named.ts';
import { timestamp } from '../openapi/shared-schemas.ts';
import { relayUrl } from '../relay-url.ts';
import { type Context, json, route } from '../route.ts';
import { envelope } from './envelope.ts';
import { exampleOf, success } from './envelope-schemas.ts';
import { idempotencyFailures, idempotencyHeader, idempotent } from './idempotency.ts';
import { exampleId, ids, noRoom, rateHeaders, tooManyUnfinished } from './media-schemas.ts';
import { misspelt, readUploadRequest, uploadMediaRequest } from './upload-request.ts';

const uploadMethodSchema = named('UploadMethod', () =>
  z.strictObject({
    method: z
      .enum(['POST', 'PUT'])
      .meta({ description: 'POST takes a form, PUT the bytes alone.' }),
    content_type: z
      .string()
      .meta({ description: 'Content-Type to send. For a form the client adds its boundary.' }),
    field_name: z
      .string()
      .nullable()
      .meta({ description: 'Name of the form field of the file; null for PUT.' }),
    headers: z
      .record(z.string(), z.string())
      .optional()
      .meta({ description: 'Headers to send with a PUT, all of them.' }),
  }),
);

const uploadMediaAnswer = success('UploadMediaAnswer', () =>
  z.strictObject({
    ...ids(),
    upload_url: z.url().meta({
      description:
        'Where to send the bytes. Needs no token: any client that has the address may upload.',
    }),
    upload_method: uploadMethodSchema(),
    provider: z.enum(['cloudflare_images', 'r2']).meta({
      description:
        'The way to upload, on every channel: `cloudflare_images` takes a form by POST, `r2` the bytes by PUT.',
    }),
    channel: z
      .strictObject({ type: z.string(), name: z.string() })
      .meta({ description: 'The channel that the bytes go to, whatever the value of `provider`.' }),
    protocol: z.enum(['https', 'http']),
    status: z.literal('uploading'),
    expires_in: z.int().meta({
      description:
        'Seconds for which `upload_url` is valid. A transfer that began in time may finish.',
    }),
    expires_at: timestamp,
    max_size: z.int().meta({ description: 'Maximum number of bytes that `upload_url` takes.' }),
    next_step: z.string(),
  }),
);

const nextStep =
  'Upload your file to upload_url, then call POST /media/{media_id}/complete to finalize.';

const started = {
  media_id: exampleId,
  id: exampleId,
  media_ids: [exampleId],
  protocol: 'https',
  status: 'uploading',
  expires_in: 3600,
  expires_at: '2026-04-10T13:00:00.000Z',
  next_step: nextStep,
};

const exampleImage = exampleOf({
  ...started,
  upload_url: `https://media.example/relay/${exampleId}?sig=v1.WyJyZWxheSJd.c2lnbmF0dXJl`,
  upload_method: { method: 'POST', content_type: 'multipart/form-data', field_name: 'file' },
  provider: 'cloudflare_images',
  channel: { type: 'local', name: 'local' },
  max_size: 20_971_520,
});

const exampleVideo = exampleOf({
  ...started,
  upload_url: 'https://storage.example/bucket/2026/04/clip.mp4?X-Amz-Signature=9f86d0',
  upload_method: {
    method: 'PUT',
    content_type: 'video/mp4',
    field_name: null,
    headers: { 'Content-Type': 'video/mp4' },
  },
  provider: 'r2',
  channel: { type: 'r2', name: 'videos' },
  max_size: 524_288_000,
});

const noFilename = {
  code: 'validation_error',
  message: 'filename is required.',
  details: {
    field: 'filename',
    validationErrors: [
      { field: 'filename', message: 'filename is required.', code: 'invalid_type' },
    ],
  },
} as const;

/** Media API 2: step 1, where to send the bytes. */
export const uploadMedia = route({
  id: 'uploadMedia',
  method: 'POST',
  path: '/api/v1/media/upload',
  permission: 'upload',
  tag: 'Media',
  summary: 'Get an upload URL',
  description:
    'Step 1 of 3. Declares a file and returns where and how to send it. Then send the bytes to `upload_url` as `upload_method` describes, and call complete.\n\nThe body is JSON; the file itself is not sent here.',
  request: {
    headers: idempotencyHeader,
    body: {
      required: true,
      content: json(uploadMediaRequest, {
        image: {
          value: { filename: 'product-photo.jpg', content_type: 'image/jpeg', size: 2_048_576 },
        },
        video: {
          value: {
            filename: 'clip.mp4',
            content_type: 'video/mp4',
            size: 52_428_800,
            duration: 12.5,
          },
        },
      }),
    },
  },
  answers: {
    201: {
      description: 'Where to send the bytes.',
      headers: [...rateHeaders, 'Idempotency-Replayed'],
      content: json(uploadMediaAnswer, {
        image: { summary: 'An image goes as a form', value: exampleImage },
        video: { summary: 'Videos and documents go raw', value: exampleVideo },
      }),
    },
  },
  failures: [
    noRoom,
    ...jsonFailures,
    ...idempotencyFailures,
    noFilename,
    { error: () => misspelt('contentType', 'content_type') },
    tooManyUnfinished,
    'channel_unavailable',
    'channel_unauthorized',
    'channel_rate_limited',
  ],
  async handler(context) {
    const { request, deps, caller } = context;
    const body = await readJsonObject(request.raw);
    return idempotent(
      { ...context, body },
      async () => {
        const wanted = readUploadRequest(body, deps.settings);
        const { ip } = request;
        const started = await deps.presigned.start({ ...wanted, ip }, caller);
        return {
          status: 201,
          data: present(started, context),
          expiresAt: started.details.urlExpiresAt,
        };
      },
      // A repeated answer is older.
      (data) => envelope({ ...data, expires_in: secondsLeft(data, deps.now()) }, context),
    );
  },
});

function secondsLeft(data: object, at: number): number {
  const { expires_at } = data as ReturnType<typeof present>;
  return Math.max(0, Math.round((Date.parse(expires_at) - at) / 1000));
}

function present(started: StartedUpload, { request, deps }: Context) {
  const { upload, details, channel } = started;
  const origin = requestOrigin(request.raw, deps.settings);
  const url = started.target?.url ?? `${origin}${relayUrl(started, deps.signer)}`;
  const method = uploadMethod(started);
  return {
    media_id: upload.id,
    id: upload.id,
    media_ids: [upload.id],
    upload_url: url,
    upload_method: method,
    // The two values of the contract name the way to upload, wherever the bytes are stored.
    provider: method.method === 'POST' ? 'cloudflare_images' : 'r2',
    channel: { type: channel.type, name: channel.name },
    protocol: new URL(url).protocol.slice(0, -1),
    status: 'uploading',
    expires_at: new Date(details.urlExpiresAt).toISOString(),
    max_size: details.maxBytes,
    next_step: nextStep,
  };
}

/**
 * Images go as forms, everything else raw; a relay URL takes both, a store's own URL what the store
 * requires.
 */
function uploadMethod({ target, details }: StartedUpload) {
  const asForm = target === undefined ? details.category === 'image' : target.method === 'POST';
  if (asForm) {
    return {
      method: 'POST',
      content_type: 'multipart/form-data',
      field_name: target?.fieldName ?? 'file',
    };
  }
  return {
    method: 'PUT',
    content_type: details.contentType,
    field_name: null,
    headers: { 'Content-Type': details.contentType, ...target?.headers },
  };
}
