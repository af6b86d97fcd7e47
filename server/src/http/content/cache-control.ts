import type { FileRecord } from '../../core/metadata.ts';

/** The address that a file is requested by. */
export interface RequestedAddress {
  readonly path: string;
  readonly query: URLSearchParams;
}

/**
 * How long caches may keep the response for an address. A path that is given only once never shows
 * other bytes, so it may be kept for ever. A path that a caller chose may be reused after a
 * deletion, so caches revalidate it by its ETag.
 */
export function cacheControl(
  { path, givenOnce }: Pick<FileRecord, 'path' | 'givenOnce'>,
  requested: RequestedAddress,
): string {
  // The owner views a file that others may not see, or no longer.
  if (requested.query.get('from') === 'admin') {
    return 'private, no-store';
  }
  // Another spelling of an address may later mean another file.
  return givenOnce && requested.path === path ? forEver : shortly;
}

const forEver = 'public, max-age=31536000, immutable';
const shortly = 'public, max-age=60, must-revalidate';
