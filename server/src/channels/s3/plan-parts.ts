import { multipartLimits } from './multipart.ts';
import type { S3Settings } from './settings.ts';

type PartSettings = Pick<S3Settings, 'partSizeBytes' | 'concurrency'>;

const maxObjectBytes = 5 * 2 ** 40;

/** Largest object whose parts fit into the memory that the settings allow one upload. */
export function maxBytesOf({ partSizeBytes, concurrency }: PartSettings): number {
  return Math.min(maxObjectBytes, multipartLimits.maxParts * partSizeBytes * concurrency);
}

/**
 * More than 10,000 parts become larger ones, fewer at once, so that memory stays the same. All
 * parts but the last have one size, as R2 wants.
 */
export function planParts({ partSizeBytes, concurrency }: PartSettings, size: number | undefined) {
  const needed = Math.ceil((size ?? 0) / multipartLimits.maxParts);
  if (needed <= partSizeBytes) {
    return { partSizeBytes, buffers: concurrency };
  }
  return {
    partSizeBytes: needed,
    buffers: Math.max(1, Math.floor((partSizeBytes * concurrency) / needed)),
  };
}
