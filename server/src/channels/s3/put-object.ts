import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { ByteSource } from '../../core/bytes.ts';
import type { PutOptions, PutResult } from '../../core/channel.ts';
import { isStowageError } from '../../core/errors.ts';
import { collect, type Feed, feed } from './body.ts';
import type { Bucket } from './client.ts';
import { attemptEntry, base64OfHex, checksumOf, objectInput, setPayloadHash } from './object-headers.ts';
import { discardObject, isStored } from './objects.ts';
import { sendStream, slices } from './send-stream.ts';

/** Bodies up to this size go out in one write together with the headers. */
const heldBytes = 128 * 1024;

/** One PUT of a body whose length is known. */
export async function putObject(bucket: Bucket, source: ByteSource, options: PutOptions & { size: number }): Promise<PutResult> {
  if (options.size > heldBytes) return putStream(bucket, source, options);
  return putBuffer(bucket, await collect(source, options.size, options.signal), options);
}

/** One PUT of bytes in memory. Not repeated here: core has the bytes too and counts the tries. */
export async function putBuffer(bucket: Bucket, bytes: Uint8Array, options: PutOptions): Promise<PutResult> {
  const put = describePut(bucket, { ...options, size: bytes.length });
  const mayBeStored = (): boolean => true;
  if (bytes.length <= heldBytes) return send(bucket, put, { body: bytes, signal: options.signal, mayBeStored });
  const checksum = checksumOf(bucket, bytes);
  const open = () => slices(bytes, options.onProgress);
  return sendStream(open, options.signal, (outgoing) => send(bucket, put, { ...outgoing, mayBeStored, checksum }));
}

/** A stream can be sent only once: core, which has the bytes, repeats the whole call. */
async function putStream(bucket: Bucket, source: ByteSource, options: PutOptions & { size: number }): Promise<PutResult> {
  const put = describePut(bucket, options);
  let upload: Feed | undefined;
  const open = (stop: (reason: unknown) => void) => {
    upload = feed(source, options.size, stop);
    return upload.body;
  };
  const mayBeStored = (): boolean => upload?.complete ?? false;
  try {
    return await sendStream(open, options.signal, (outgoing) => send(bucket, put, { ...outgoing, mayBeStored }));
  } catch (error) {
    throw upload?.failure === undefined ? error : upload.failure.error;
  }
}

interface Put {
  readonly key: string;
  readonly size: number;
  readonly attempt: string;
  readonly contentType: string;
  readonly sha256: string | undefined;
}

function describePut(bucket: Bucket, options: PutOptions & { size: number }): Put {
  const { size, contentType, sha256 } = options;
  return { key: bucket.keyOf(options.key), size, contentType, sha256, attempt: randomUUID() };
}

interface Sending {
  readonly body: Readable | Uint8Array;
  readonly signal: AbortSignal;
  readonly mayBeStored: () => boolean;
  readonly checksum?: { readonly ChecksumCRC32: string } | undefined;
}

async function send(bucket: Bucket, put: Put, { body, signal, mayBeStored, checksum }: Sending): Promise<PutResult> {
  const known = bucket.keepsChecksums && put.sha256 !== undefined ? { ChecksumSHA256: base64OfHex(put.sha256) } : checksum;
  const command = new PutObjectCommand({
    ...objectInput(bucket, put.key, put.contentType),
    Metadata: { [attemptEntry]: put.attempt },
    ContentLength: put.size,
    Body: body,
    ...known,
  });
  // Without a known checksum Amazon gets one as a trailer, which brings a payload hash of its own.
  if (!bucket.keepsChecksums || known !== undefined) setPayloadHash(command, put.sha256);
  const result = { ref: { key: put.key }, size: put.size };
  try {
    await bucket.run(signal, (options) => bucket.client.send(command, options));
    return result;
  } catch (error) {
    if (!mayBeStored()) throw error;
    if (signal.aborted) await discardObject(bucket, put);
    // The answer may be lost or wrong though the object is there.
    else if (isStowageError(error, 'channel_unavailable') && (await isStored(bucket, put))) return result;
    throw error;
  }
}
