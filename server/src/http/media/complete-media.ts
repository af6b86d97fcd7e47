import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../core/access.ts';
import { fail, isStowageError } from '../../core/errors.ts';
import { isUuid } from '../../core/uuid.ts';
import { requestOrigin } from '../client-address.ts';
import type { HttpDeps } from '../deps.ts';
import { relayUrl } from '../relay/relay-url.ts';
import { note } from '../request-notes.ts';
import { envelope } from './envelope.ts';
import { idempotent } from './idempotency.ts';
import { presentFile } from './present.ts';

/** Media API 4: step 3. The body, if any, is not looked at. */
export async function completeMedia(
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
  deps: HttpDeps,
): Promise<FastifyReply> {
  const id = mediaIdOf(request);
  note(request.raw, { upload: 'presigned' });
  const work = async () => ({ status: 200, data: await complete(id, { request, caller, deps }) });
  return idempotent({ request, reply, caller, deps, body: {} }, work, (data) => envelope(data, request, deps));
}

interface Completion {
  readonly request: FastifyRequest;
  readonly caller: Caller;
  readonly deps: HttpDeps;
}

async function complete(id: string, { request, caller, deps }: Completion): Promise<object> {
  const media = await deps.presigned.complete(id, caller).catch(async (error: unknown) => {
    throw await withAddress(error, { id, request, deps });
  });
  note(request.raw, { file: media.stored.file.path });
  const file = presentFile(media.stored.file, { request: request.raw, settings: deps.settings });
  const kind = file.type.charAt(0).toUpperCase() + file.type.slice(1);
  return {
    ...file,
    message: `${kind} is ready. You can now attach it to a post using media_ids.`,
    next_step: `Media is ready. Attach it to a post by passing "media_ids": ["${file.id}"] to POST /v1/posts.`,
    ...(media.warnings.length > 0 && { warnings: media.warnings }),
  };
}

interface Missing {
  readonly id: string;
  readonly request: FastifyRequest;
  readonly deps: HttpDeps;
}

/** A caller who has not sent the bytes gets the upload URL again, unless it is a store's own, which only step 1 returns. */
async function withAddress(error: unknown, { id, request, deps }: Missing): Promise<unknown> {
  if (!isStowageError(error, 'upload_not_received')) return error;
  const media = await deps.presigned.find(id);
  if (media?.state !== 'uploading' || media.details.presign !== null) return error;
  const upload_url = `${requestOrigin(request.raw, deps.settings)}${relayUrl(media.upload, media.details, deps)}`;
  return fail('upload_not_received', { details: { ...error.details, upload_url } });
}

/** Unknown, foreign and malformed ids all read the same. */
export function mediaIdOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string };
  if (!isUuid(id)) throw fail('not_found', { message: 'Media not found.' });
  return id.toLowerCase();
}
