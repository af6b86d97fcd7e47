import { fail } from '../../core/errors.ts';

/**
 * UTF-8 bytes of what is written down with an unfinished upload: rows are counted, so they must not
 * be of any size.
 */
const maxBytesOf = { name: 1024, type: 255 } as const;

/** Fails with `bad_request` when the value of a field is too long to be kept. */
export function boundedText(value: string, field: string, kind: keyof typeof maxBytesOf): string {
  const maxBytes = maxBytesOf[kind];
  if (Buffer.byteLength(value) <= maxBytes) {
    return value;
  }
  throw fail('bad_request', { message: `${field} must have at most ${maxBytes} bytes` });
}
