import { z } from 'zod';
import { listQuerySchema } from '../../media/list-media.ts';
import type { Operation } from '../operation.ts';
import {
  completeMediaAnswer,
  completeMediaRequest,
  deleteMediaAnswer,
  listMediaAnswer,
  mediaAnswer,
  uploadFromUrlAnswer,
  uploadFromUrlRequest,
  uploadMediaAnswer,
  uploadMediaRequest,
} from '../schemas/media.ts';
import { jsonFailures, mayUpload, mediaAnswers, noRoom, rateHeaders, unknownMedia } from './media-answers.ts';
import {
  completedMedia,
  deletedMedia,
  importedImage,
  importingVideo,
  listedMedia,
  mediaItem,
  startedUpload,
  startedVideo,
} from './media-examples.ts';

const base = '/api/v1';
const tag = 'Media';

const byId = z.object({ id: z.uuid().meta({ description: 'Id of the media; any other text is answered like an unknown id.' }) });

const idempotencyHeader = z.object({
  'Idempotency-Key': z.string().max(255).optional().meta({
    description: 'The same key with the same body gets the same answer for a day, so that a repeat makes nothing twice.',
  }),
});

const listQuery = listQuerySchema.extend({
  type: listQuerySchema.shape.type.meta({ description: 'Only this kind.' }),
  status: listQuerySchema.shape.status.meta({ description: 'Unfinished and failed uploads are listed only when asked for.' }),
  limit: listQuerySchema.shape.limit.meta({ description: 'Items of a page.' }),
  offset: listQuerySchema.shape.offset.meta({ description: 'Items to skip.' }),
  cursor: listQuerySchema.shape.cursor.meta({
    description:
      'The `next_cursor` of the page before: goes on behind its last item, at the same speed however far that is. Then `offset` does not count.',
  }),
});

export const mediaOperations: readonly Operation[] = [
  {
    id: 'uploadMedia',
    method: 'post',
    path: `${base}/media/upload`,
    tag,
    summary: 'Ask for an upload URL',
    description:
      'Step 1 of 3. Declares a file and answers where and how to send it. Then send the bytes to `upload_url` as `upload_method` says, and call complete.\n\nThe body is JSON; the file itself is not sent here.',
    access: 'token',
    parameters: { header: idempotencyHeader },
    body: {
      required: true,
      content: {
        'application/json': {
          schema: uploadMediaRequest,
          examples: {
            image: { value: { filename: 'product-photo.jpg', content_type: 'image/jpeg', size: 2_048_576 } },
            video: { value: { filename: 'clip.mp4', content_type: 'video/mp4', size: 52_428_800, duration: 12.5 } },
          },
        },
      },
    },
    answers: mediaAnswers(
      {
        201: {
          description: 'Where to send the bytes.',
          headers: [...rateHeaders, 'Idempotency-Replayed'],
          content: {
            'application/json': {
              schema: uploadMediaAnswer,
              examples: {
                image: { summary: 'An image goes as a form', value: startedUpload },
                video: { summary: 'Videos and documents go raw', value: startedVideo },
              },
            },
          },
        },
      },
      [
        mayUpload,
        noRoom,
        ...jsonFailures,
        {
          code: 'validation_error',
          message: 'filename is required.',
          details: {
            field: 'filename',
            validation_errors: [{ field: 'filename', message: 'filename is required.', code: 'invalid_type' }],
          },
        },
        {
          code: 'invalid_field_name',
          message: 'Unknown field "contentType". Did you mean "content_type"?',
          details: { field: 'contentType', did_you_mean: 'content_type' },
        },
        {
          code: 'rate_limit_exceeded',
          as: 'unfinished',
          message: 'More than 1000 unfinished uploads. Complete or cancel some, or wait until they expire.',
          retryAfterMs: 60_000,
        },
        'channel_unavailable',
        'channel_unauthorized',
        'channel_rate_limited',
      ],
    ),
  },
  {
    id: 'uploadMediaFromUrl',
    method: 'post',
    path: `${base}/media/upload-from-url`,
    tag,
    summary: 'Take a file over from a public URL',
    description:
      'In one step. Images are ready with the answer; an MP4 video is fetched in the background, look at it until it is `ready` or `failed`. Addresses that are not public are refused, also behind redirects.',
    access: 'token',
    parameters: { header: idempotencyHeader },
    body: {
      required: true,
      content: {
        'application/json': {
          schema: uploadFromUrlRequest,
          examples: { image: { value: { url: 'https://example.com/photos/product-photo.jpg' } } },
        },
      },
    },
    answers: mediaAnswers(
      {
        201: {
          description: 'The image is stored.',
          headers: [...rateHeaders, 'Idempotency-Replayed'],
          content: { 'application/json': { schema: uploadFromUrlAnswer, examples: { image: { value: importedImage } } } },
        },
        202: {
          description: 'The video is being fetched.',
          headers: [...rateHeaders, 'Idempotency-Replayed'],
          content: { 'application/json': { schema: uploadFromUrlAnswer, examples: { video: { value: importingVideo } } } },
        },
      },
      [
        mayUpload,
        noRoom,
        ...jsonFailures,
        { code: 'validation_error', message: 'url is required.', details: { field: 'url', validation_errors: [] } },
        {
          code: 'invalid_field_name',
          message: 'Unknown field "source_url". Did you mean "url"?',
          details: { field: 'source_url', did_you_mean: 'url' },
        },
        'invalid_url',
        'url_not_allowed',
        { code: 'too_large', message: 'The file is larger than the 25 MB limit for images.', details: { max_size: 26_214_400 } },
        { code: 'unsupported_media_type', message: 'The url leads to neither a supported image nor an MP4 video.' },
        { code: 'fetch_failed', details: { upstream_status: 404 } },
        'fetch_timeout',
        'invalid_media',
        {
          code: 'content_type_mismatch',
          message: 'The file is image/jpeg, but holds text/html as well.',
          details: { declared: 'image/jpeg', detected: 'text/html' },
        },
        'empty_file',
        { code: 'unprocessable', message: 'The picture has more than 500 frames.', details: { max_frames: 500 } },
        'disk_full',
      ],
    ),
  },
  {
    id: 'completeMedia',
    method: 'post',
    path: `${base}/media/{id}/complete`,
    tag,
    summary: 'Finish an upload',
    description:
      'Step 3 of 3. Checks what arrived: its real type, size, checksum, dimensions and length. Only then it is media. Safe to repeat, and to call twice at once: the answer stays the same. A body is not looked at.',
    access: 'token',
    parameters: { path: byId, header: idempotencyHeader },
    body: { required: false, content: { 'application/json': { schema: completeMediaRequest } } },
    answers: mediaAnswers(
      {
        200: {
          description: 'The finished media.',
          headers: [...rateHeaders, 'Idempotency-Replayed'],
          content: { 'application/json': { schema: completeMediaAnswer, examples: { image: { value: completedMedia } } } },
        },
      },
      [
        mayUpload,
        unknownMedia,
        'idempotency_in_flight',
        'idempotency_key_conflict',
        {
          code: 'upload_not_received',
          details: { media_id: startedUpload.data.media_id, received: 0, expected: 2_048_576, expires_in: 3412 },
        },
        'upload_expired',
        { code: 'media_failed', details: { error_message: 'The file is corrupt or truncated.' } },
        { code: 'conflict', message: 'The file keeps changing while it is being completed.' },
        { code: 'too_large', details: { max_size: 20_971_520, received: 31_457_280 } },
        {
          code: 'content_type_mismatch',
          message: 'The file is text/html, not the declared image/jpeg.',
          details: { declared: 'image/jpeg', detected: 'text/html' },
        },
        { code: 'size_mismatch', details: { declared: 2_048_576, received: 2_000_000 } },
        { code: 'checksum_mismatch', status: 422, details: { algorithm: 'sha256' } },
        'empty_file',
        'invalid_media',
        { code: 'unprocessable', message: 'The picture has more than 500 frames.', details: { max_frames: 500 } },
        'channel_unavailable',
        'channel_unauthorized',
        'channel_rate_limited',
        'disk_full',
      ],
    ),
  },
  {
    id: 'listMedia',
    method: 'get',
    path: `${base}/media`,
    tag,
    summary: 'List media',
    description: 'Newest first, files of the Upload API included. Parameters that are not named here are ignored.',
    access: 'token',
    parameters: { query: listQuery },
    answers: mediaAnswers(
      {
        200: {
          description: 'A page of media.',
          headers: rateHeaders,
          content: { 'application/json': { schema: listMediaAnswer, examples: { page: { value: listedMedia } } } },
        },
      },
      [
        { code: 'insufficient_scope', details: { required: 'list' } },
        {
          code: 'validation_error',
          message: 'limit must be a whole number from 1 to 100.',
          details: {
            validation_errors: [{ field: 'limit', message: 'limit must be a whole number from 1 to 100.', code: 'too_big' }],
          },
        },
      ],
    ),
  },
  {
    id: 'getMedia',
    method: 'get',
    path: `${base}/media/{id}`,
    tag,
    summary: 'Look at one media',
    description: 'Finished or not.',
    access: 'token',
    parameters: { path: byId },
    answers: mediaAnswers(
      {
        200: {
          description: 'The media.',
          headers: rateHeaders,
          content: { 'application/json': { schema: mediaAnswer, examples: { image: { value: mediaItem } } } },
        },
      },
      [{ code: 'insufficient_scope', details: { required: 'list' } }, unknownMedia],
    ),
  },
  {
    id: 'deleteMedia',
    method: 'delete',
    path: `${base}/media/{id}`,
    tag,
    summary: 'Delete media, or give an upload up',
    description:
      'The link stops working at once; the bytes are removed from their channel afterwards. Running transfers of an unfinished upload stop.',
    access: 'token',
    parameters: { path: byId },
    answers: mediaAnswers(
      {
        200: {
          description: 'It is gone.',
          headers: rateHeaders,
          content: { 'application/json': { schema: deleteMediaAnswer, examples: { deleted: { value: deletedMedia } } } },
        },
      },
      [{ code: 'insufficient_scope', details: { required: 'delete' } }, unknownMedia],
    ),
  },
];
