import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../core/access.ts';
import type { StartedUpload } from '../../core/presigned-types.ts';
import { clientAddress, requestOrigin } from '../client-address.ts';
import type { HttpDeps } from '../deps.ts';
import { readJsonObject } from '../json-body.ts';
import { relayUrl } from '../relay/relay-url.ts';
import { envelope } from './envelope.ts';
import { idempotent } from './idempotency.ts';
import { readUploadRequest } from './upload-request.ts';

/** Media API 2: step 1, where to send the bytes. */
export async function uploadMedia(
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
  deps: HttpDeps,
): Promise<FastifyReply> {
  const body = await readJsonObject(request.raw);
  return idempotent(
    { request, reply, caller, deps, body },
    async () => {
      const wanted = readUploadRequest(body, deps.settings);
      const ip = clientAddress(request.raw, deps.settings.trustProxy);
      const started = await deps.presigned.start({ ...wanted, ip }, caller);
      return { status: 201, data: present(started, request, deps), expiresAt: started.details.urlExpiresAt };
    },
    // A repeated answer is older.
    (data) => envelope({ ...data, expires_in: secondsLeft(data, deps.now()) }, request, deps),
  );
}

function secondsLeft(data: object, at: number): number {
  const { expires_at } = data as ReturnType<typeof present>;
  return Math.max(0, Math.round((Date.parse(expires_at) - at) / 1000));
}

function present(started: StartedUpload, request: FastifyRequest, deps: HttpDeps) {
  const { upload, details, channel } = started;
  const origin = requestOrigin(request.raw, deps.settings);
  const url = started.target?.url ?? `${origin}${relayUrl(upload, details, deps)}`;
  const method = uploadMethod(started);
  return {
    media_id: upload.id,
    id: upload.id,
    media_ids: [upload.id],
    upload_url: url,
    upload_method: method,
    // The two values of the contract name the way to upload, wherever the bytes come to lie.
    provider: method.method === 'POST' ? 'cloudflare_images' : 'r2',
    channel: { type: channel.type, name: channel.name },
    protocol: new URL(url).protocol.slice(0, -1),
    status: 'uploading',
    expires_at: new Date(details.urlExpiresAt).toISOString(),
    max_size: details.maxBytes,
    next_step: 'Upload your file to upload_url, then call POST /media/{media_id}/complete to finalize.',
  };
}

/** Images go as forms, everything else raw; a relay URL takes both, a store's own URL what the store requires. */
function uploadMethod({ target, details }: StartedUpload) {
  const asForm = target === undefined ? details.category === 'image' : target.method === 'POST';
  if (asForm) return { method: 'POST', content_type: 'multipart/form-data', field_name: target?.fieldName ?? 'file' };
  return {
    method: 'PUT',
    content_type: details.contentType,
    field_name: null,
    headers: { 'Content-Type': details.contentType, ...target?.headers },
  };
}
