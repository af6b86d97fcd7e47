import type { ByteSource, ReplayableBody } from '../../core/bytes.ts';
import { fail } from '../../core/errors.ts';
import { exactly } from '../../core/streams/exactly.ts';
import type { HttpResponse } from '../../outbound/http-client.ts';
import type { Hub } from './api.ts';
import { createSlicer } from './bytes.ts';
import { storageError, unexpectedAnswer } from './hub-errors.ts';
import type { LfsAction, LfsObject } from './wire.ts';

export interface LfsUpload extends LfsObject {
  readonly signal: AbortSignal;
}

/**
 * Brings the object into the repository's LFS storage, unless it is there. Not readable before a
 * commit. Returns whether it was there before.
 */
export async function uploadLfs(
  hub: Hub,
  body: ReplayableBody,
  object: LfsUpload,
): Promise<boolean> {
  const { upload, verify } = await hub.lfsUploadActions(object, object.signal);
  if (upload === undefined) {
    return true;
  }
  const source = exactly(body.open(), object.size);
  await (chunkSize(upload) === undefined
    ? putWhole(hub, upload, source, object)
    : putParts(hub, upload, source, object));
  if (verify !== undefined) {
    await hub.lfsVerify(verify, object, object.signal);
  }
  return false;
}

async function putWhole(
  hub: Hub,
  action: LfsAction,
  source: ByteSource,
  { size, signal }: LfsUpload,
): Promise<void> {
  // The length is ours to give: it decides whether a short source is noticed.
  const headers = Object.fromEntries(
    Object.entries(action.header).filter(
      ([name]) => !/^(content-length|transfer-encoding)$/i.test(name),
    ),
  );
  const response = await hub.http.send({
    method: 'PUT',
    url: action.href,
    headers,
    body: source,
    contentLength: size,
    signal,
  });
  await (await stored(hub, response)).discard();
}

/**
 * The hub's own multipart transfer: `header` holds `chunk_size` and a signed link for each part,
 * `href` completes.
 */
async function putParts(
  hub: Hub,
  action: LfsAction,
  source: ByteSource,
  { oid, size, signal }: LfsUpload,
): Promise<void> {
  const chunkBytes = chunkSize(action) ?? size;
  const links = partLinks(action);
  if (links.length !== Math.ceil(size / chunkBytes)) {
    throw unexpectedAnswer('the LFS batch: wrong number of parts');
  }
  const bytes = createSlicer(source);
  try {
    const parts: { partNumber: number; etag: string }[] = [];
    for (const [partNumber, url] of links) {
      const sizeBytes = Math.min(chunkBytes, size - (partNumber - 1) * chunkBytes);
      const part = { url, bytes: bytes.take(sizeBytes), sizeBytes };
      parts.push({ partNumber, etag: await putPart(hub, part, signal) });
    }
    await complete(hub, action, JSON.stringify({ oid, parts }), signal);
  } finally {
    // Not awaited: a source that stalls would hold up an abort.
    void bytes.close().catch(() => undefined);
  }
}

interface Part {
  readonly url: string;
  readonly bytes: ByteSource;
  readonly sizeBytes: number;
}

async function putPart(
  hub: Hub,
  { url, bytes, sizeBytes }: Part,
  signal: AbortSignal,
): Promise<string> {
  const response = await hub.http.send({
    method: 'PUT',
    url,
    body: bytes,
    contentLength: sizeBytes,
    signal,
  });
  const etag = (await stored(hub, response)).header('etag');
  await response.discard();
  if (etag === undefined) {
    throw unexpectedAnswer('a part: no ETag');
  }
  return etag;
}

async function complete(
  hub: Hub,
  action: LfsAction,
  body: string,
  signal: AbortSignal,
): Promise<void> {
  const url = hub.atEndpoint(action.href);
  const response = await hub.http.send({ method: 'POST', url, headers: lfsHeaders, body, signal });
  await (await stored(hub, response)).discard();
}

export const lfsHeaders = {
  accept: 'application/vnd.git-lfs+json',
  'content-type': 'application/vnd.git-lfs+json',
};

async function stored(hub: Hub, response: HttpResponse): Promise<HttpResponse> {
  if (response.status >= 200 && response.status < 300) {
    return response;
  }
  throw await storageError(response, hub.http.redact);
}

function chunkSize(action: LfsAction): number | undefined {
  const text = action.header.chunk_size;
  if (text === undefined) {
    return undefined;
  }
  const bytes = Number(text);
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw fail('channel_unavailable', { message: 'Hugging Face LFS: bad chunk_size' });
  }
  return bytes;
}

function partLinks(action: LfsAction): readonly (readonly [number, string])[] {
  return Object.entries(action.header)
    .filter(([name]) => /^\d+$/.test(name))
    .map(([name, url]) => [Number(name), url] as const)
    .sort(([a], [b]) => a - b);
}
