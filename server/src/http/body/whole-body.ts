import type { IncomingMessage } from 'node:http';
import { failed } from '../failure.ts';

export const encodedBody = (encoding: string) =>
  ({
    code: 'unsupported_media_type',
    message: `The body has the Content-Encoding "${encoding.slice(0, 50)}". Send it as it is, without Content-Encoding.`,
    details: { accepted: ['identity'] },
  }) as const;

export const noLength = {
  code: 'bad_request',
  as: 'no_length',
  status: 411,
  message: 'Send the file with a Content-Length, or with Transfer-Encoding: chunked.',
} as const;

/** Refuses a compressed body. Its bytes would be stored compressed, and no longer be a picture. */
export function refuseEncoded({ headers }: IncomingMessage): void {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') {
    return;
  }
  throw failed(encodedBody(encoding));
}

/** Refuses a request that does not announce a body. It would be taken for an empty file. */
export function requireLength({ headers }: IncomingMessage): void {
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) {
    return;
  }
  throw failed(noLength);
}
