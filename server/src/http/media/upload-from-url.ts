import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Caller } from '../../core/access.ts';
import { fail } from '../../core/errors.ts';
import { cleanText } from '../../core/path-text.ts';
import type { Media } from '../../core/presigned-types.ts';
import { clientAddress } from '../client-address.ts';
import type { HttpDeps } from '../deps.ts';
import { readJsonObject } from '../json-body.ts';
import { note } from '../request-notes.ts';
import { requestSignal } from '../request-signal.ts';
import { envelope } from './envelope.ts';
import { idempotent } from './idempotency.ts';
import { presentMedia } from './present.ts';
import { uploadRequestSchema } from './upload-request.ts';

type Body = Readonly<Record<string, unknown>>;

/** Media API 5.4. Unknown fields are ignored. */
export const uploadFromUrlSchema = z.object({
  url: z
    .string({ error: (issue) => (issue.input === undefined ? 'url is required.' : 'url must be a string.') })
    .min(1, 'url must not be empty.')
    .max(8192, 'url must have at most 8192 characters.')
    .meta({ description: 'Public address of the file', example: 'https://example.com/photo.jpg' }),
  filename: uploadRequestSchema.shape.filename
    .nullish()
    .meta({ description: 'Name of the file; default: the last segment of the path of url', example: 'photo.jpg' }),
});

/** Media API 5.4: images are ready with the answer (201), videos are fetched in the background (202). */
export async function uploadFromUrl(
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
  deps: HttpDeps,
): Promise<FastifyReply> {
  note(request.raw, { upload: 'import' });
  const body = await readJsonObject(request.raw);
  return idempotent(
    { request, reply, caller, deps, body },
    async () => {
      const { url, filename } = readBody(body);
      const ip = clientAddress(request.raw, deps.settings.trustProxy);
      const signal = requestSignal(request.raw);
      const media = await deps.imports.start({ url, filename: filename ? cleanText(filename) : undefined, ip, signal }, caller);
      return { status: media.state === 'ready' ? 201 : 202, data: present(media, url, { request, deps }) };
    },
    (data) => envelope(data, request, deps),
  );
}

function present(media: Media, url: string, { request, deps }: { readonly request: FastifyRequest; readonly deps: HttpDeps }) {
  const shown = presentMedia(media, { request: request.raw, settings: deps.settings });
  return { ...shown, source_url: url, next_step: nextStep(media, shown.id) };
}

function nextStep({ state }: Media, id: string): string {
  if (state === 'ready') return `Media is ready. Attach it to a post by passing "media_ids": ["${id}"] to POST /v1/posts.`;
  return `The video is being imported. Poll GET /media/${id} until media_status is "ready" or "failed".`;
}

/** Names that people send by mistake. */
const misspelt = ['source_url', 'sourceUrl', 'media_url', 'mediaUrl', 'image_url', 'video_url', 'file_url', 'uri', 'link', 'src'];

function readBody(body: Body): z.infer<typeof uploadFromUrlSchema> {
  const wrong = misspelt.find((name) => Object.hasOwn(body, name));
  if (wrong !== undefined && !Object.hasOwn(body, 'url')) {
    throw fail('invalid_field_name', {
      message: `Unknown field "${wrong}". Did you mean "url"?`,
      details: { field: wrong, did_you_mean: 'url' },
    });
  }
  const parsed = uploadFromUrlSchema.safeParse(body);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message, code }) => ({ field: String(path[0] ?? ''), message, code }));
  throw fail('validation_error', {
    message: problems[0]?.message ?? 'The request is not valid.',
    details: { field: problems[0]?.field, validation_errors: problems },
  });
}
