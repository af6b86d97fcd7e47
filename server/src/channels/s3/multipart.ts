import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type {
  CallOptions,
  Multipart,
  PutOptions,
  PutResult,
  SizedBody,
} from '../../core/channel.ts';
import { isStowageError } from '../../core/errors.ts';
import { isTransient } from '../../core/guard/retry.ts';
import type { Bucket } from './client/client.ts';
import { failForOddResponse } from './client/errors.ts';
import { attemptHeader, objectHeaders } from './client/object-headers.ts';
import { streamedPayload, xmlPayload } from './client/payload.ts';
import { textOf, toXml } from './client/xml.ts';
import { isStored } from './objects.ts';
import { type UploadState, uploadOfState } from './ref.ts';

const mebibyte = 2 ** 20;
const partLimits = { minPart: 5 * mebibyte, maxPart: 5 * 2 ** 30, maxParts: 10_000 };
/** Known sizes up to here go out as one PUT, more in parallel parts. */
const singlePutBytes = 64 * mebibyte;

const partSchema = z.object({ etag: z.string(), crc32: z.string().optional() });
type UploadedPart = z.infer<typeof partSchema>;

/** The native multipart upload of the service. */
export function createMultipart(bucket: Bucket): Multipart {
  const { partSizeBytes: partBytes, concurrency: parallel } = bucket.settings;
  return {
    limits: { ...partLimits, split: { aboveBytes: singlePutBytes, partBytes, parallel } },
    start: (options) => startUpload(bucket, options),
    part: async (state, number, body, { signal }) =>
      sendPart(bucket, { ...uploadOfState(state), number, signal }, body),
    finish: async (state, parts, options) => {
      const list = parts.map(({ number, part, size }) => ({
        number,
        size,
        ...partSchema.parse(part),
      }));
      return finishUpload(bucket, uploadOfState(state), list, options);
    },
    abort: async (state, options) => abortUpload(bucket, uploadOfState(state), options),
  };
}

async function startUpload(
  bucket: Bucket,
  options: Pick<PutOptions, 'key' | 'contentType' | 'signal'>,
): Promise<UploadState> {
  const key = bucket.keyOf(options.key);
  const attempt = randomUUID();
  const { document } = await bucket.ask({
    method: 'POST',
    key,
    query: { uploads: '' },
    headers: {
      ...objectHeaders(bucket, options.contentType),
      [attemptHeader]: attempt,
      'x-amz-checksum-algorithm': bucket.keepsChecksums ? 'CRC32' : undefined,
    },
    signal: options.signal,
  });
  const uploadId = textOf(document, 'UploadId');
  if (uploadId === undefined || uploadId === '') {
    throw failForOddResponse('no upload id.', { bucket: bucket.name });
  }
  return { key, uploadId, attempt };
}

type PartPlace = CallOptions & UploadState & { readonly number: number };

async function sendPart(
  bucket: Bucket,
  { key, uploadId, number, signal }: PartPlace,
  body: SizedBody,
): Promise<UploadedPart> {
  const { size: sizeBytes, sha256 } = body;
  const payload = streamedPayload(bucket, body.open(), { sizeBytes, sha256 });
  const query = { partNumber: String(number), uploadId };
  const response = await bucket.send({ method: 'PUT', key, query, ...payload, signal });
  const etag = response.header('etag');
  const crc32 = response.header('x-amz-checksum-crc32');
  if (etag === undefined) {
    throw failForOddResponse('a part has no ETag.', { bucket: bucket.name });
  }
  return { etag, crc32 };
}

type ListedPart = UploadedPart & { readonly number: number; readonly size: number };

async function finishUpload(
  bucket: Bucket,
  state: UploadState,
  parts: readonly ListedPart[],
  { signal }: CallOptions,
): Promise<PutResult> {
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const result = { ref: { key: state.key }, size };
  try {
    await bucket.ask({
      method: 'POST',
      key: state.key,
      query: { uploadId: state.uploadId },
      ...listOf(parts),
      signal,
    });
    return result;
  } catch (error) {
    // Finished before with the answer lost: the upload is unknown (to radosgw the key) and the
    // object is there.
    const maybeDone = !signal.aborted && (isTransient(error) || isStowageError(error, 'not_found'));
    if (maybeDone && (await isStored(bucket, { ...state, size }))) {
      return result;
    }
    throw error;
  }
}

function listOf(parts: readonly ListedPart[]) {
  const inOrder = [...parts].sort((a, b) => a.number - b.number);
  return xmlPayload(toXml('CompleteMultipartUpload', inOrder.map(listPart)));
}

function listPart({ number, etag, crc32 }: ListedPart): string {
  return toXml('Part', [
    toXml('ETag', etag),
    toXml('ChecksumCRC32', crc32),
    toXml('PartNumber', String(number)),
  ]);
}

async function abortUpload(
  bucket: Bucket,
  state: UploadState,
  { signal }: CallOptions,
): Promise<void> {
  try {
    await bucket.send({
      method: 'DELETE',
      key: state.key,
      query: { uploadId: state.uploadId },
      signal,
    });
  } catch (error) {
    if (!isStowageError(error, 'not_found')) {
      throw error;
    }
  }
}
