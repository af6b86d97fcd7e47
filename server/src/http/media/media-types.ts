import type { MediaCategory } from '../../core/content-type/media-types.ts';

// A Map: the type comes from outside, and every object literal seems to have a `constructor`.
const categories: ReadonlyMap<string, MediaCategory> = new Map([
  ['image/jpeg', 'image'],
  ['image/png', 'image'],
  ['image/gif', 'image'],
  ['image/webp', 'image'],
  ['image/heic', 'image'],
  ['image/heif', 'image'],
  ['video/mp4', 'video'],
  ['application/pdf', 'document'],
]);

/** Media API 2.1: what may be uploaded. */
export const supportedTypes: readonly string[] = [...categories.keys()];

/** As what it may be uploaded. */
export function mediaCategory(contentType: string): MediaCategory | undefined {
  return categories.get(contentType);
}
