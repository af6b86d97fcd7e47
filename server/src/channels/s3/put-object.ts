import { randomUUID } from 'node:crypto';
import type { PutOptions, PutResult, SizedBody } from '../../core/channel.ts';
import { isStowageError } from '../../core/errors.ts';
import { exactly } from '../../core/streams/exactly.ts';
import { readAll } from '../../core/streams/peek.ts';
import { tap } from '../../core/streams/tap.ts';
import type { Bucket } from './client/client.ts';
import { attemptHeader, objectHeaders } from './client/object-headers.ts';
import { heldPayload, type Payload, streamedPayload } from './client/payload.ts';
import { discardObject, isStored } from './objects.ts';

/** Bodies up to this size are collected and go out in one write together with the headers. */
const heldBytes = 128 * 1024;

/** One PUT of a body whose length is known. */
export async function putObject(
  bucket: Bucket,
  body: SizedBody,
  options: PutOptions,
): Promise<PutResult> {
  const { size, sha256 } = body;
  if (size > heldBytes) {
    const payload = streamedPayload(bucket, body.open(), { sizeBytes: size, sha256 });
    return send(bucket, { ...options, size }, payload);
  }
  const { signal } = options;
  const bytes = await readAll(exactly(tap(body.open(), { signal }), size));
  return send(bucket, { ...options, size }, heldPayload(bucket, bytes, sha256));
}

/** One PUT of a few bytes in memory. */
export async function putBuffer(
  bucket: Bucket,
  bytes: Uint8Array,
  options: PutOptions,
): Promise<PutResult> {
  return send(bucket, { ...options, size: bytes.length }, heldPayload(bucket, bytes));
}

async function send(
  bucket: Bucket,
  options: PutOptions & { size: number },
  payload: Payload,
): Promise<PutResult> {
  const { size, contentType, signal } = options;
  const key = bucket.keyOf(options.key);
  const put = { key, size, attempt: randomUUID() };
  const headers = {
    ...objectHeaders(bucket, contentType),
    ...payload.headers,
    [attemptHeader]: put.attempt,
  };
  const result = { ref: { key }, size };
  try {
    await bucket.send({ method: 'PUT', key, ...payload, headers, signal });
    return result;
  } catch (error) {
    // Until all bytes have gone out, the service has nothing that it could store.
    if (!payload.isSent()) {
      throw error;
    }
    if (signal.aborted) {
      await discardObject(bucket, put);
    }
    // The response may be lost or wrong though the object is there.
    else if (isStowageError(error, 'channel_unavailable') && (await isStored(bucket, put))) {
      return result;
    }
    throw error;
  }
}
