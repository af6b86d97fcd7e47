import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { ByteSource } from '../../../core/bytes.ts';
import { exactly } from '../../../core/streams/exactly.ts';
import { awsChunked, base64OfCrc32 } from './aws-chunked.ts';
import type { Bucket, S3Request } from './client.ts';

const unsigned = 'UNSIGNED-PAYLOAD';

/** The part of a request that is its body, with what proves that it arrives unharmed. */
export type Payload = Required<
  Pick<S3Request, 'body' | 'contentLength' | 'headers' | 'payload' | 'isSent'>
>;

/** A few bytes in memory, which go out in one write together with the headers. */
export function heldPayload(bucket: Bucket, bytes: Uint8Array, sha256?: string): Payload {
  const sending = { body: bytes, contentLength: bytes.length, isSent: always };
  if (sha256 !== undefined) {
    return { ...sending, ...knownHash(bucket, sha256) };
  }
  if (!bucket.keepsChecksums) {
    return { ...sending, headers: {}, payload: unsigned };
  }
  const headers = { 'x-amz-checksum-crc32': base64OfCrc32(crc32(bytes)) };
  return { ...sending, headers, payload: hash('sha256', bytes, 'hex') };
}

const always = (): boolean => true;

/**
 * A stream of exactly `sizeBytes` bytes; a service that keeps checksums gets a CRC-32 after the
 * last of them.
 */
export function streamedPayload(
  bucket: Bucket,
  source: ByteSource,
  { sizeBytes, sha256 }: { readonly sizeBytes: number; readonly sha256?: string | undefined },
): Payload {
  const upload = exactly(source, sizeBytes);
  const sending = { body: upload, contentLength: sizeBytes, isSent: () => upload.isComplete };
  if (sha256 !== undefined) {
    return { ...sending, ...knownHash(bucket, sha256) };
  }
  if (!bucket.keepsChecksums) {
    return { ...sending, headers: {}, payload: unsigned };
  }
  return { ...sending, ...awsChunked(upload, sizeBytes) };
}

/** A document of the S3 API. */
export function xmlPayload(element: string): Payload {
  const body = `<?xml version="1.0" encoding="UTF-8"?>${element}`;
  return {
    body,
    contentLength: Buffer.byteLength(body),
    headers: { 'content-type': 'application/xml' },
    payload: hash('sha256', body, 'hex'),
    isSent: always,
  };
}

/** A SHA-256 that is known anyway is signed: the service checks the body against it. */
function knownHash(bucket: Bucket, sha256: string): Pick<Payload, 'headers' | 'payload'> {
  return {
    headers: bucket.keepsChecksums ? { 'x-amz-checksum-sha256': base64OfHex(sha256) } : {},
    payload: sha256,
  };
}

export function base64OfHex(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64');
}
