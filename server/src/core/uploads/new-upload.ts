import { toJson } from '../bytes.ts';
import type { Upload } from '../metadata.ts';

export interface NewUpload
  extends Pick<Upload, 'id' | 'kind' | 'owner' | 'channelId' | 'createdAt' | 'expiresAt'> {
  readonly category?: Upload['category'] | undefined;
  readonly expectedBytes?: number | undefined;
  /** Of the kind's own type, which consists of JSON only. */
  readonly details: object;
  /** How the kind reads its rows; throws when it cannot. */
  readonly read: (upload: Upload) => unknown;
}

/** The row of a new upload. Throws rather than make a row that cannot be read again. */
export function newUpload({
  details,
  read,
  category = null,
  expectedBytes = 0,
  ...rest
}: NewUpload): Upload {
  const upload: Upload = {
    ...rest,
    category,
    expectedBytes,
    state: 'open',
    version: 1,
    details: toJson(details),
    storageId: null,
    result: null,
  };
  read(upload);
  return upload;
}
