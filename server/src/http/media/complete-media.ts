import { z } from 'zod';
import { fail, isStowageError } from '../../core/errors.ts';
import { requestOrigin } from '../address/request-origin.ts';
import { named } from '../openapi/named.ts';
import { relayUrl } from '../relay-url.ts';
import { note } from '../request-notes.ts';
import { type CallerContext, type Context, json, route } from '../route.ts';
import { exampleOf, success } from './envelope-schemas.ts';
import { idempotencyFailures, idempotencyHeader, idempotent } from './idempotency.ts';
import { mediaIdOf } from './media-id.ts';
import {
  byId,
  exampleId,
  exampleMedia,
  mediaFields,
  noSuchMedia,
  rateHeaders,
  tooManyFrames,
} from './media-schemas.ts';
import { presentFile } from './present.ts';

const completeMediaRequest = named('CompleteMediaRequest', () =>
  z.looseObject({}).meta({ description: 'Any object: the server ignores it.' }),
);

const completeMediaAnswer = success('CompleteMediaAnswer', () =>
  z.strictObject({
    ...mediaFields(),
    message: z.string(),
    next_step: z.string(),
    warnings: z
      .array(z.string())
      .optional()
      .meta({ description: 'What differed from the declaration and was corrected.' }),
  }),
);

/** Media API 4: step 3. The body, if any, is ignored. */
export const completeMedia = route({
  id: 'completeMedia',
  method: 'POST',
  path: '/api/v1/media/:id/complete',
  permission: 'upload',
  tag: 'Media',
  summary: 'Complete an upload',
  description:
    'Step 3 of 3. Checks what arrived: its real type, size, checksum, dimensions and length. Only then is it media. Safe to repeat, and to call twice at once: the response stays the same. A body is ignored.',
  request: {
    params: byId,
    headers: idempotencyHeader,
    body: { required: false, content: json(completeMediaRequest) },
  },
  answers: {
    200: {
      description: 'The finished media.',
      headers: [...rateHeaders, 'Idempotency-Replayed'],
      content: json(completeMediaAnswer, { image: { value: exampleOf(withWords(exampleMedia)) } }),
    },
  },
  failures: [
    noSuchMedia,
    ...idempotencyFailures,
    {
      code: 'upload_not_received',
      details: { mediaId: exampleId, received: 0, expected: 2_048_576, expiresInSeconds: 3412 },
    },
    'upload_expired',
    'import_in_progress',
    { code: 'media_failed', details: { errorMessage: 'The file is corrupt or truncated.' } },
    { code: 'conflict', message: 'The file keeps changing while it is being completed.' },
    { code: 'too_large', details: { maxBytes: 20_971_520, received: 31_457_280 } },
    {
      code: 'content_type_mismatch',
      message: 'The file is text/html, not the declared image/jpeg.',
      details: { declared: 'image/jpeg', detected: 'text/html' },
    },
    { code: 'size_mismatch', details: { declared: 2_048_576, received: 2_000_000 } },
    { code: 'checksum_mismatch', status: 422, details: { algorithm: 'sha256' } },
    'empty_file',
    'invalid_media',
    tooManyFrames,
    'channel_unavailable',
    'channel_unauthorized',
    'channel_rate_limited',
    'disk_full',
  ],
  async handler(context) {
    const id = mediaIdOf(context.request);
    note(context.request.raw, { upload: 'presigned' });
    return idempotent({ ...context, body: {} }, async () => ({
      status: 200,
      data: await complete(id, context),
    }));
  },
});

async function complete(id: string, context: CallerContext): Promise<object> {
  const { request, caller, deps } = context;
  const media = await deps.presigned.complete(id, caller).catch(async (error: unknown) => {
    throw await withAddress(error, id, context);
  });
  note(request.raw, { file: media.stored.file.path });
  const file = presentFile(media.stored.file, { request: request.raw, settings: deps.settings });
  const warnings = media.warnings.length > 0 ? media.warnings : undefined;
  return { ...withWords(file), warnings };
}

function withWords<File extends { readonly id: string; readonly type: string }>(file: File) {
  const kind = file.type.charAt(0).toUpperCase() + file.type.slice(1);
  return {
    ...file,
    message: `${kind} is ready. You can now attach it to a post using media_ids.`,
    next_step: `Media is ready. Attach it to a post by passing "media_ids": ["${file.id}"] to POST /v1/posts.`,
  };
}

/**
 * A caller who has not sent the bytes gets the upload URL again, unless it is a store's own, which
 * only step 1 returns.
 */
async function withAddress(
  error: unknown,
  id: string,
  { request, deps }: Context,
): Promise<unknown> {
  if (!isStowageError(error, 'upload_not_received')) {
    return error;
  }
  const media = await deps.presigned.find(id);
  if (media?.state !== 'uploading' || media.details.presign !== null) {
    return error;
  }
  const origin = requestOrigin(request.raw, deps.settings);
  const uploadUrl = `${origin}${relayUrl(media, deps.signer)}`;
  return fail('upload_not_received', { details: { ...error.details, uploadUrl } });
}
