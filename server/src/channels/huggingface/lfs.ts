import { fail } from '../../core/errors.ts';
import type { HttpResponse } from '../../outbound/http-client.ts';
import type { Hub } from './api.ts';
import type { Slicer } from './bytes.ts';
import { storageError, unexpectedAnswer } from './hub-errors.ts';
import type { LfsAction, LfsObject } from './wire.ts';

export interface LfsUpload extends LfsObject {
  readonly signal: AbortSignal;
}

/**
 * Brings the object into the repository's LFS storage, unless it is there: then the bytes are only
 * read. Not readable before a commit. Returns whether it was there before.
 */
export async function uploadLfs(hub: Hub, bytes: Slicer, object: LfsUpload): Promise<boolean> {
  const { upload, verify } = await hub.lfsUploadActions(object, object.signal);
  // The caller counts and hashes what we read: it must see every byte.
  if (upload === undefined) {
    await readThrough(bytes, object);
    return true;
  }
  await (chunkSize(upload) === undefined
    ? putWhole(hub, upload, bytes, object)
    : putParts(hub, upload, bytes, object));
  await bytes.end();
  if (verify !== undefined) {
    await hub.lfsVerify(verify, object, object.signal);
  }
  return false;
}

async function readThrough(bytes: Slicer, { size, signal }: LfsUpload): Promise<void> {
  let seen = 0;
  for await (const chunk of bytes.take(size)) {
    signal.throwIfAborted();
    seen += chunk.length;
  }
  if (seen < size) {
    throw fail('incomplete_body');
  }
  await bytes.end();
}

async function putWhole(
  hub: Hub,
  action: LfsAction,
  bytes: Slicer,
  { size, signal }: LfsUpload,
): Promise<void> {
  // The length is ours to give: it decides whether a short source is noticed.
  const headers = Object.fromEntries(
    Object.entries(action.header).filter(
      ([name]) => !/^(content-length|transfer-encoding)$/i.test(name),
    ),
  );
  const body = bytes.take(size);
  const response = await hub.http.send({
    method: 'PUT',
    url: action.href,
    headers,
    body,
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
  bytes: Slicer,
  { oid, size, signal }: LfsUpload,
): Promise<void> {
  const chunkBytes = chunkSize(action) ?? size;
  const links = partLinks(action);
  if (links.length !== Math.ceil(size / chunkBytes)) {
    throw unexpectedAnswer('the LFS batch: wrong number of parts');
  }
  const parts: { partNumber: number; etag: string }[] = [];
  for (const [partNumber, url] of links) {
    const lengthBytes = Math.min(chunkBytes, size - (partNumber - 1) * chunkBytes);
    const response = await hub.http.send({
      method: 'PUT',
      url,
      body: bytes.take(lengthBytes),
      contentLength: lengthBytes,
      signal,
    });
    const etag = (await stored(hub, response)).header('etag');
    await response.discard();
    if (etag === undefined) {
      throw unexpectedAnswer('a part: no ETag');
    }
    parts.push({ partNumber, etag });
  }
  const url = hub.atEndpoint(action.href);
  const response = await hub.http.send({
    method: 'POST',
    url,
    headers: lfsHeaders,
    body: JSON.stringify({ oid, parts }),
    signal,
  });
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
