import type { Ref } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import { service } from './failure.ts';

/**
 * Custom image id of a key: known before the upload, so that nothing is lost track of. Only
 * letters, digits, `.`, `_` and `-`, as slashes and percent signs in ids are encoded differently by
 * API, delivery and dashboard; one to one, as `_` is doubled.
 */
export function imageIdOf(key: string): string {
  return `stowage-${key.replaceAll('_', '__').replaceAll('/', '_-')}`;
}

/**
 * Metadata of an image, at most 1024 bytes of JSON: links an id that Cloudflare chose to the upload
 * it comes from.
 */
export function metadataOf(key: string): string {
  return JSON.stringify({ stowage: key });
}

export function refOf(id: string): Ref {
  return { id };
}

/** Also of the state of a direct upload. */
export function idOf(ref: Ref): string {
  if (ref !== null && typeof ref === 'object' && 'id' in ref && typeof ref.id === 'string') {
    return ref.id;
  }
  throw fail('not_found', { message: `${service}: not a ref of this channel` });
}
