import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { z } from 'zod';
import type { ByteSource, Json } from '../../core/bytes.ts';
import type { CallOptions, Multipart, PresignedPart, PutOptions, PutResult } from '../../core/channel.ts';
import { fail, isStowageError } from '../../core/errors.ts';
import { isPassing } from '../../core/retry.ts';
import { type Feed, feed } from './body.ts';
import type { Bucket } from './client.ts';
import { attemptEntry, checksumOf, objectInput, setPayloadHash } from './object-headers.ts';
import { isStored } from './objects.ts';
import { type UploadState, uploadOfState } from './ref.ts';
import { sendStream, slices } from './send-stream.ts';

const mebibyte = 2 ** 20;
export const multipartLimits = { minPart: 5 * mebibyte, maxPart: 5 * 2 ** 30, maxParts: 10_000 };

const partSchema = z.object({ etag: z.string(), crc32: z.string().optional() });
export type UploadedPart = z.infer<typeof partSchema>;

/** The native multipart upload of the service. */
export function createMultipart(bucket: Bucket): Multipart {
  return {
    limits: multipartLimits,
    start: (options) => startUpload(bucket, options),
    part: async (state, number, source, options) =>
      streamPart(bucket, { state: uploadOfState(state), number, source, ...options }),
    presignPart: (state, number, options) => presignPart(bucket, { state: uploadOfState(state), number, ...options }),
    finish: async (state, parts, options) => {
      const list = parts.map(({ number, part, size }) => ({ number, size, ...partSchema.parse(part) }));
      return finishUpload(bucket, uploadOfState(state), list, options);
    },
    abort: async (state, options) => abortUpload(bucket, uploadOfState(state), options),
  };
}

export async function startUpload(
  bucket: Bucket,
  options: Pick<PutOptions, 'key' | 'contentType' | 'signal'>,
): Promise<UploadState> {
  const key = bucket.keyOf(options.key);
  const attempt = randomUUID();
  const command = new CreateMultipartUploadCommand({
    ...objectInput(bucket, key, options.contentType),
    Metadata: { [attemptEntry]: attempt },
  });
  const { UploadId: uploadId } = await bucket.run(options.signal, (call) => bucket.client.send(command, call));
  if (uploadId === undefined) throw fail('channel_unavailable', { message: `S3 bucket ${bucket.name}: no upload id.` });
  return { key, uploadId, attempt };
}

interface PartAddress extends CallOptions {
  readonly state: UploadState;
  readonly number: number;
  readonly size: number;
  readonly expiresInSeconds: number;
}

/** The length is signed: another number of bytes is refused by the service. */
async function presignPart(bucket: Bucket, { state, number, size, expiresInSeconds }: PartAddress): Promise<PresignedPart> {
  const { key, uploadId } = state;
  const url = await bucket.signUrl({
    key,
    query: { partNumber: String(number), uploadId },
    headers: { 'content-length': String(size) },
    expiresInSeconds,
  });
  return { url, headers: {}, partOf };
}

function partOf(answer: Headers): Json {
  const etag = answer.get('etag');
  if (etag === null) throw fail('bad_request', { message: 'The answer to the part has no ETag.' });
  return { etag };
}

interface PartStream extends CallOptions {
  readonly state: UploadState;
  readonly number: number;
  readonly source: ByteSource;
  readonly size: number;
}

async function streamPart(bucket: Bucket, { source, ...part }: PartStream): Promise<Json> {
  let upload: Feed | undefined;
  const open = (stop: (reason: unknown) => void) => {
    upload = feed(source, part.size, stop);
    return upload.body;
  };
  try {
    return await sendStream(open, part.signal, (outgoing) => sendPart(bucket, { ...part, ...outgoing }));
  } catch (error) {
    throw upload?.failure === undefined ? error : upload.failure.error;
  }
}

export interface HeldPart extends CallOptions {
  readonly state: UploadState;
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly onProgress?: (() => void) | undefined;
}

/** Sends a part from memory; may be repeated. */
export async function sendHeldPart(bucket: Bucket, { bytes, onProgress, ...part }: HeldPart): Promise<UploadedPart> {
  const checksum = checksumOf(bucket, bytes);
  const open = () => slices(bytes, onProgress);
  return sendStream(open, part.signal, (outgoing) => sendPart(bucket, { ...part, ...outgoing, size: bytes.length, checksum }));
}

interface SentPart extends CallOptions {
  readonly state: UploadState;
  readonly number: number;
  readonly body: Readable;
  readonly size: number;
  readonly checksum?: { readonly ChecksumCRC32: string } | undefined;
}

async function sendPart(bucket: Bucket, { state, number, body, size, signal, checksum }: SentPart): Promise<UploadedPart> {
  const command = new UploadPartCommand({
    Bucket: bucket.name,
    Key: state.key,
    UploadId: state.uploadId,
    PartNumber: number,
    ContentLength: size,
    Body: body,
    ...checksum,
  });
  if (!bucket.keepsChecksums || checksum !== undefined) setPayloadHash(command);
  const answer = await bucket.run(signal, (options) => bucket.client.send(command, options));
  if (answer.ETag === undefined) throw fail('channel_unavailable', { message: `S3 bucket ${bucket.name}: a part has no ETag.` });
  return { etag: answer.ETag, ...(answer.ChecksumCRC32 !== undefined && { crc32: answer.ChecksumCRC32 }) };
}

export type ListedPart = UploadedPart & { readonly number: number; readonly size: number };

export async function finishUpload(
  bucket: Bucket,
  state: UploadState,
  parts: readonly ListedPart[],
  { signal }: CallOptions,
): Promise<PutResult> {
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const result = { ref: { key: state.key }, size };
  const command = new CompleteMultipartUploadCommand({
    Bucket: bucket.name,
    Key: state.key,
    UploadId: state.uploadId,
    MultipartUpload: {
      Parts: [...parts].sort((a, b) => a.number - b.number).map(listPart),
    },
  });
  try {
    await bucket.run(signal, (options) => bucket.client.send(command, options));
    return result;
  } catch (error) {
    // Finished before with the answer lost: the upload is unknown (to radosgw the key) and the object is there.
    const maybeDone = !signal.aborted && (isPassing(error) || isStowageError(error, 'not_found'));
    if (maybeDone && (await isStored(bucket, { ...state, size }))) return result;
    throw error;
  }
}

function listPart({ number, etag, crc32 }: ListedPart) {
  return { PartNumber: number, ETag: etag, ...(crc32 !== undefined && { ChecksumCRC32: crc32 }) };
}

export async function abortUpload(bucket: Bucket, state: UploadState, { signal }: CallOptions): Promise<void> {
  const command = new AbortMultipartUploadCommand({ Bucket: bucket.name, Key: state.key, UploadId: state.uploadId });
  try {
    await bucket.run(signal, (options) => bucket.client.send(command, options));
  } catch (error) {
    if (!isStowageError(error, 'not_found')) throw error;
  }
}
