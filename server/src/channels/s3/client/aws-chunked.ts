import { crc32 } from 'node:zlib';
import type { ByteSource } from '../../../core/bytes.ts';

/** Amazon takes no chunk below 8 KiB but the last, MinIO none above 16 MiB. */
const chunkBytes = 2 ** 20;

const checksumHeader = 'x-amz-checksum-crc32';

/**
 * The framing `aws-chunked` around a stream of exactly `sizeBytes` bytes, with its CRC-32 as a
 * trailer. The chunks are cut by position, so that the length of the whole is known beforehand and
 * nothing has to be copied.
 */
export function awsChunked(source: ByteSource, sizeBytes: number) {
  return {
    body: framed(source, sizeBytes),
    contentLength: framedBytes(sizeBytes),
    headers: {
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': String(sizeBytes),
      'x-amz-trailer': checksumHeader,
    },
    payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
  };
}

async function* framed(source: ByteSource, sizeBytes: number): AsyncGenerator<Uint8Array> {
  let sum = 0;
  let sent = 0;
  for await (const bytes of source) {
    sum = crc32(bytes, sum);
    for (let offset = 0; offset < bytes.length; ) {
      const room = chunkBytes - (sent % chunkBytes);
      if (room === chunkBytes) {
        yield chunkHeader(Math.min(chunkBytes, sizeBytes - sent));
      }
      const piece = bytes.subarray(offset, offset + room);
      yield piece;
      sent += piece.length;
      offset += piece.length;
      if (sent % chunkBytes === 0 || sent === sizeBytes) {
        yield lineEnd;
      }
    }
  }
  yield Buffer.from(`0\r\n${checksumHeader}:${base64OfCrc32(sum)}\r\n\r\n`);
}

const lineEnd = Buffer.from('\r\n');

function chunkHeader(bytes: number): Uint8Array {
  return Buffer.from(`${bytes.toString(16)}\r\n`);
}

function framedBytes(sizeBytes: number): number {
  const whole = Math.floor(sizeBytes / chunkBytes);
  const rest = sizeBytes % chunkBytes;
  const frame = (bytes: number): number => chunkHeader(bytes).length + bytes + lineEnd.length;
  const trailer = `0\r\n${checksumHeader}:AAAAAA==\r\n\r\n`.length;
  return whole * frame(chunkBytes) + (rest === 0 ? 0 : frame(rest)) + trailer;
}

export function base64OfCrc32(sum: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(sum);
  return bytes.toString('base64');
}
