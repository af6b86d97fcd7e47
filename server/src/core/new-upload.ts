import { toJson } from './bytes.ts';
import type { Upload } from './metadata.ts';

export interface NewUpload extends Pick<Upload, 'id' | 'kind' | 'owner' | 'channelId' | 'createdAt' | 'expiresAt'> {
  /** Of the kind's own type, which has nothing but JSON in it. */
  readonly details: object;
}

/** The row of an upload that has only just begun. */
export function newUpload({ details, ...rest }: NewUpload): Upload {
  return {
    ...rest,
    state: 'open',
    version: 1,
    details: toJson(details),
    storageId: null,
    result: null,
  };
}
