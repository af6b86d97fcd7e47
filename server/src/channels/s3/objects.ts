import type { ByteRange, ByteSource } from '../../core/bytes.ts';
import type { GetOptions, GetResult } from '../../core/channel.ts';
import { fail, isStowageError } from '../../core/errors.ts';
import { readAll } from '../../core/streams/peek.ts';
import type { HttpResponse } from '../../outbound/http-client.ts';
import { rangeHeader } from '../shared/ranged.ts';
import type { Bucket } from './client/client.ts';
import { failForOddResponse } from './client/errors.ts';
import { attemptHeader, objectHeaders } from './client/object-headers.ts';
import { escapeKey } from './client/sigv4.ts';
import { textOf } from './client/xml.ts';

/** Time for clearing up after a call that failed or was aborted. */
const cleanUpMs = 15_000;

export async function getObject(
  bucket: Bucket,
  key: string,
  { range, signal }: GetOptions,
): Promise<GetResult> {
  const response = await openObject(bucket, key, { range, signal });
  const length = lengthOf(response);
  const size = range === undefined ? length : range.end - range.start + 1;
  if (size === undefined || length !== size) {
    await response.discard();
    throw failForOddResponse('the answer is not what was asked for.', { bucket: bucket.name });
  }
  return { stream: read(bucket, response.stream, size), size };
}

interface Reading {
  readonly range: ByteRange | undefined;
  readonly signal: AbortSignal;
}

function openObject(
  bucket: Bucket,
  key: string,
  { range, signal }: Reading,
): Promise<HttpResponse> {
  const headers = range === undefined ? {} : { range: rangeHeader(range) };
  return bucket.open({ method: 'GET', key, headers, signal });
}

function lengthOf(response: HttpResponse): number | undefined {
  const text = response.header('content-length');
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

async function* read(bucket: Bucket, body: ByteSource, size: number): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const chunk of body) {
    seen += chunk.length;
    yield chunk;
  }
  if (seen !== size) {
    throw failForOddResponse(`the answer ended after ${seen} of ${size} bytes.`, {
      bucket: bucket.name,
    });
  }
}

export interface ObjectHead {
  readonly size: number;
  readonly contentType: string | undefined;
  readonly attempt: string | undefined;
  readonly etag: string | undefined;
}

/** Undefined when there is no such object. */
async function headObject(
  bucket: Bucket,
  key: string,
  signal: AbortSignal,
): Promise<ObjectHead | undefined> {
  try {
    const response = await bucket.send({ method: 'HEAD', key, signal });
    return {
      size: lengthOf(response) ?? 0,
      contentType: response.header('content-type'),
      attempt: response.header(attemptHeader),
      etag: response.header('etag'),
    };
  } catch (error) {
    if (isStowageError(error, 'not_found')) {
      return undefined;
    }
    throw error;
  }
}

/**
 * What an object is, with its first bytes where it has any. Undefined when there is no such object.
 */
export async function peekObject(
  bucket: Bucket,
  key: string,
  { bytes, signal }: { readonly bytes: number; readonly signal: AbortSignal },
): Promise<(Omit<ObjectHead, 'attempt'> & { readonly start?: Uint8Array }) | undefined> {
  try {
    const response = await openObject(bucket, key, { range: { start: 0, end: bytes - 1 }, signal });
    const length = lengthOf(response) ?? 0;
    const size = Number(response.header('content-range')?.split('/')[1] ?? length);
    const known = {
      size,
      contentType: response.header('content-type'),
      etag: response.header('etag'),
    };
    if (length > bytes) {
      // All of it, from a service that does not know ranges.
      await response.discard();
      return known;
    }
    return { ...known, start: await readAll(read(bucket, response.stream, length)) };
  } catch (error) {
    if (isStowageError(error, 'not_found')) {
      return undefined;
    }
    // An empty object has no range.
    if (isStowageError(error, 'range_not_satisfiable')) {
      return headObject(bucket, key, signal);
    }
    throw error;
  }
}

/**
 * Whether the object is the one that this attempt stored: how a lost or wrong response to an upload
 * is told apart from a failure.
 */
export async function isStored(
  bucket: Bucket,
  object: { key: string; attempt: string; size: number },
): Promise<boolean> {
  const signal = AbortSignal.timeout(cleanUpMs);
  const head = await headObject(bucket, object.key, signal).catch(() => undefined);
  return head !== undefined && head.attempt === object.attempt && head.size === object.size;
}

export async function deleteObject(
  bucket: Bucket,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await bucket.send({ method: 'DELETE', key, signal });
  } catch (error) {
    if (!isStowageError(error, 'not_found')) {
      throw error;
    }
  }
}

/**
 * Removes the object if it is the one of this attempt, as well as that goes: core's clean-up job
 * comes later in any case. Another attempt with the same key waits for the end of this one
 * (`keyed-mutex.ts`), so that its object is safe.
 */
export async function discardObject(
  bucket: Bucket,
  { key, attempt }: { key: string; attempt: string },
): Promise<void> {
  const signal = AbortSignal.timeout(cleanUpMs);
  try {
    const head = await headObject(bucket, key, signal);
    if (head?.attempt === attempt) {
      await deleteObject(bucket, key, signal);
    }
  } catch {
    // Core's job removes it.
  }
}

export interface Copy {
  readonly from: string;
  readonly to: string;
  readonly contentType: string;
  /** ETag that `from` must still have. */
  readonly ifMatch?: string | undefined;
}

/**
 * Copies inside the bucket, without moving bytes through here. The service takes objects of up to 5
 * GiB. Fails with `conflict`, nothing stored, when `from` no longer matches `ifMatch`.
 */
export async function copyObject(bucket: Bucket, copy: Copy, signal: AbortSignal): Promise<void> {
  const { from, to, contentType, ifMatch } = copy;
  const { response, document } = await bucket.ask({
    method: 'PUT',
    key: to,
    headers: {
      ...objectHeaders(bucket, contentType),
      'x-amz-copy-source': `${bucket.name}/${escapeKey(from)}`,
      'x-amz-metadata-directive': 'REPLACE',
      'x-amz-copy-source-if-match': ifMatch,
    },
    signal,
  });
  // Under KMS an ETag proves nothing about the bytes; services that have it heed the condition.
  if (
    ifMatch === undefined ||
    response.header('x-amz-server-side-encryption')?.startsWith('aws:kms')
  ) {
    return;
  }
  // radosgw ignores the condition: a copy of other bytes has another ETag.
  const etag = textOf(document, 'ETag') ?? (await headObject(bucket, to, signal))?.etag;
  if (unquoted(etag) === unquoted(ifMatch)) {
    return;
  }
  await deleteObject(bucket, to, signal);
  throw fail('conflict', { message: 'The object has changed since it was looked at.' });
}

function unquoted(etag: string | undefined): string | undefined {
  return etag?.replace(/^"|"$/g, '');
}
