import type { IncomingHttpHeaders } from 'node:http';
import { fail } from '../../core/errors.ts';
import type { Digests } from '../../core/streams/digests.ts';
import { failed } from '../failure.ts';

export const malformedChecksum = {
  code: 'bad_request',
  message: 'A checksum header is malformed.',
} as const;

/**
 * The digests that the headers promise, as hex: Content-MD5, Content-Digest and Repr-Digest (RFC
 * 9530), and the S3 one. Throws `bad_request` when malformed.
 */
export function promisedDigests(headers: IncomingHttpHeaders): Digests {
  const sha256 = [
    structured(headers['content-digest']) ?? structured(headers['repr-digest']),
    base64(headers['x-amz-checksum-sha256'], 32),
  ].filter((digest) => digest !== undefined);
  if (new Set(sha256).size > 1) {
    throw fail('bad_request', { message: 'The checksum headers contradict each other.' });
  }
  const digests: { -readonly [Algorithm in keyof Digests]: Digests[Algorithm] } = {};
  if (sha256[0] !== undefined) {
    digests.sha256 = sha256[0];
  }
  const md5 = base64(headers['content-md5'], 16);
  if (md5 !== undefined) {
    digests.md5 = md5;
  }
  return digests;
}

/** `sha-256=:<base64>:` among other algorithms, which are ignored. */
function structured(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header.join(',') : header;
  const found = /(?:^|,)\s*sha-256=:([^:]*):/i.exec(text ?? '')?.[1];
  return base64(found, 32);
}

function base64(header: string | string[] | undefined, lengthBytes: number): string | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined) {
    return undefined;
  }
  const bytes = Buffer.from(text.trim(), 'base64');
  if (bytes.length !== lengthBytes) {
    throw failed(malformedChecksum);
  }
  return bytes.toString('hex');
}
