import { CopyObjectCommand, DeleteObjectCommand, GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import type { ByteSource } from '../../core/bytes.ts';
import type { GetOptions, GetResult } from '../../core/channel.ts';
import { fail, isStowageError } from '../../core/errors.ts';
import { readAll } from '../../core/peek.ts';
import { type RetryPolicy, withRetry } from '../../core/retry.ts';
import { rangeHeader } from '../shared/ranged.ts';
import type { Bucket } from './client.ts';
import { attemptEntry, objectInput } from './object-headers.ts';

/** Time for clearing up after a call that failed or was aborted. */
const cleanUpMs = 15_000;
/** Retries here must be few: core repeats the call as well before the caller gets its error. */
const cleanUpRetry: RetryPolicy = { attempts: 2, baseMs: 200, maxMs: 200 };

export async function getObject(bucket: Bucket, key: string, { range, signal }: GetOptions): Promise<GetResult> {
  const answer = await bucket.run(signal, (options) =>
    bucket.client.send(
      new GetObjectCommand({ Bucket: bucket.name, Key: key, ...(range && { Range: rangeHeader(range) }) }),
      options,
    ),
  );
  const body = answer.Body as (ByteSource & { destroy(): void }) | undefined;
  const size = range === undefined ? answer.ContentLength : range.end - range.start + 1;
  if (body === undefined || size === undefined || answer.ContentLength !== size) {
    body?.destroy();
    throw fail('channel_unavailable', { message: `S3 bucket ${bucket.name}: the answer is not what was asked for.` });
  }
  return { stream: read(bucket, { body, size, signal }), size };
}

interface Reading {
  readonly body: ByteSource;
  readonly size: number;
  readonly signal: AbortSignal;
}

async function* read(bucket: Bucket, { body, size, signal }: Reading): AsyncGenerator<Uint8Array> {
  let seen = 0;
  const iterator = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await bucket.run(signal, () => iterator.next());
      if (next.done) break;
      seen += next.value.length;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
  signal.throwIfAborted();
  if (seen !== size)
    throw fail('channel_unavailable', { message: `S3 bucket ${bucket.name}: the answer ended after ${seen} of ${size} bytes.` });
}

export interface ObjectHead {
  readonly size: number;
  readonly contentType: string | undefined;
  readonly attempt: string | undefined;
  readonly etag: string | undefined;
}

/** Undefined when there is no such object. */
async function headObject(bucket: Bucket, key: string, signal: AbortSignal): Promise<ObjectHead | undefined> {
  try {
    const answer = await bucket.run(signal, (options) =>
      bucket.client.send(new HeadObjectCommand({ Bucket: bucket.name, Key: key }), options),
    );
    return {
      size: answer.ContentLength ?? 0,
      contentType: answer.ContentType,
      attempt: answer.Metadata?.[attemptEntry],
      etag: answer.ETag,
    };
  } catch (error) {
    if (isStowageError(error, 'not_found')) return undefined;
    throw error;
  }
}

/** What an object is, with its first bytes where it has any. Undefined when there is no such object. */
export async function peekObject(
  bucket: Bucket,
  key: string,
  { bytes, signal }: { readonly bytes: number; readonly signal: AbortSignal },
): Promise<(Omit<ObjectHead, 'attempt'> & { readonly start?: Uint8Array }) | undefined> {
  const range = rangeHeader({ start: 0, end: bytes - 1 });
  const command = new GetObjectCommand({ Bucket: bucket.name, Key: key, Range: range });
  try {
    const answer = await bucket.run(signal, (options) => bucket.client.send(command, options));
    const body = answer.Body as ByteSource & { destroy(): void };
    const size = Number(answer.ContentRange?.split('/')[1] ?? answer.ContentLength);
    const { ContentLength: length = 0, ContentType: contentType, ETag: etag } = answer;
    // Everything, from a service that does not know ranges.
    if (length > bytes) body.destroy();
    const start = length > bytes ? undefined : await readAll(read(bucket, { body, size: length, signal }));
    return { size, contentType, etag, ...(start !== undefined && { start }) };
  } catch (error) {
    if (isStowageError(error, 'not_found')) return undefined;
    // An empty object has no range.
    if (isStowageError(error, 'range_not_satisfiable')) return headObject(bucket, key, signal);
    throw error;
  }
}

/** Whether the object is the one that this attempt stored: how a lost or wrong response to an upload is told apart from a failure. */
export async function isStored(bucket: Bucket, object: { key: string; attempt: string; size: number }): Promise<boolean> {
  const signal = AbortSignal.timeout(cleanUpMs);
  const head = await withRetry(() => headObject(bucket, object.key, signal), signal, cleanUpRetry).catch(() => undefined);
  return head !== undefined && head.attempt === object.attempt && head.size === object.size;
}

export async function deleteObject(bucket: Bucket, key: string, signal: AbortSignal): Promise<void> {
  try {
    await bucket.run(signal, (options) =>
      bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: key }), options),
    );
  } catch (error) {
    if (!isStowageError(error, 'not_found')) throw error;
  }
}

/**
 * Removes the object if it is the one of this attempt, as well as that goes: core's clean-up job comes later in any case. Another attempt
 * with the same key waits for the end of this one (`in-turn.ts`), so that its object is safe.
 */
export async function discardObject(bucket: Bucket, { key, attempt }: { key: string; attempt: string }): Promise<void> {
  await cleanUp(async (signal) => {
    const head = await headObject(bucket, key, signal);
    if (head?.attempt === attempt) await deleteObject(bucket, key, signal);
  });
}

export async function cleanUp(call: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const signal = AbortSignal.timeout(cleanUpMs);
  await withRetry(() => call(signal), signal, cleanUpRetry).catch(() => undefined);
}

export interface Copy {
  readonly from: string;
  readonly to: string;
  readonly contentType: string;
  /** ETag that `from` must still have. */
  readonly ifMatch?: string | undefined;
}

/**
 * Copies inside the bucket, without moving bytes through here. The service takes objects of up to 5 GiB. Fails with `conflict`, nothing
 * stored, when `from` no longer matches `ifMatch`.
 */
export async function copyObject(bucket: Bucket, copy: Copy, signal: AbortSignal): Promise<void> {
  const { from, to, contentType, ifMatch } = copy;
  const command = new CopyObjectCommand({
    ...objectInput(bucket, to, contentType),
    CopySource: `${bucket.name}/${from.split('/').map(encodeURIComponent).join('/')}`,
    ...(ifMatch !== undefined && { CopySourceIfMatch: ifMatch }),
    MetadataDirective: 'REPLACE',
  });
  const answer = await bucket.run(signal, (options) => bucket.client.send(command, options));
  // Under KMS an ETag proves nothing about the bytes; services that have it heed the condition.
  if (ifMatch === undefined || answer.ServerSideEncryption?.startsWith('aws:kms')) return;
  // radosgw ignores the condition: a copy of other bytes has another ETag.
  const etag = answer.CopyObjectResult?.ETag ?? (await headObject(bucket, to, signal))?.etag;
  if (unquoted(etag) === unquoted(ifMatch)) return;
  await deleteObject(bucket, to, signal);
  throw fail('conflict', { message: 'The object has changed since it was looked at.' });
}

function unquoted(etag: string | undefined): string | undefined {
  return etag?.replace(/^"|"$/g, '');
}
