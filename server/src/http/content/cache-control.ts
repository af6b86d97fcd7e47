import type { FileRecord } from '../../core/metadata.ts';

/** What a file is asked for by. */
export interface Asked {
  readonly path: string;
  readonly query: URLSearchParams;
}

/**
 * How long caches may keep what they get under an address. A path that is given once never shows
 * other bytes, so it may be kept for ever. A path that was chosen may be chosen again after a
 * deletion: caches ask for it again, by its ETag.
 */
export function cacheControl(
  { path, givenOnce }: Pick<FileRecord, 'path' | 'givenOnce'>,
  asked: Asked,
): string {
  // The owner looks at a file that others may not see, or no longer.
  if (asked.query.get('from') === 'admin') {
    return 'private, no-store';
  }
  // By another spelling, an address may come to mean another file.
  return givenOnce && asked.path === path ? forEver : shortly;
}

const forEver = 'public, max-age=31536000, immutable';
const shortly = 'public, max-age=60, must-revalidate';
