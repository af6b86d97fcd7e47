import type { NewJob, Upload } from '../../metadata.ts';
import type { ConfiguredChannel } from '../../storage/channel-pool.ts';
import { reclaimObjectJob } from '../../storage/cleanup-jobs.ts';
import { storageIdOf, storageKey } from '../../storage/storage-key.ts';
import { nativeNameOf, nativeOf } from './chunked-details.ts';

/**
 * The name of the object that a store makes of a chunked upload's native parts; undefined when the
 * row cannot be read.
 */
export function nativeKeyOf(upload: Upload): string | undefined {
  const named = nativeNameOf(upload);
  if (named === undefined) {
    return undefined;
  }
  return storageKey(
    named.storageId,
    named.filename.slice(named.filename.lastIndexOf('.') + 1),
    upload.createdAt,
  );
}

/** The removal of that object, in case the store has finished it and it became no file. */
export function reclaimNative(
  upload: Upload,
  channel: ConfiguredChannel | undefined,
  runAt: number,
): readonly NewJob[] {
  const key = nativeOf(upload) ? nativeKeyOf(upload) : undefined;
  const ref = key === undefined ? undefined : channel?.channel.locate?.(key);
  if (key === undefined || ref === undefined) {
    return [];
  }
  return [
    reclaimObjectJob({ channelId: upload.channelId, ref, storageId: storageIdOf(key) }, runAt),
  ];
}
