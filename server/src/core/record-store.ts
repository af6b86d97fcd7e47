import type { Ref } from './channel.ts';
import type { FilePosition, StoredFile } from './metadata.ts';

/** Files with all that is known of their bytes, for backups. */
export interface RecordStore {
  /** Newest first, behind a position. `next` is absent at the end. */
  page(query: { readonly limit: number; readonly after?: FilePosition | undefined }): Promise<{
    readonly files: readonly StoredFile[];
    readonly next?: FilePosition | undefined;
  }>;
  /** Whether a job is about to remove one of these objects. */
  isBeingRemoved(channelId: string, refs: readonly Ref[]): Promise<boolean>;
}
