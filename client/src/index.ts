import { type ClientOptions, createConnection } from './connection.ts';
import { type Uploaded, type UploadOptions, uploadFile } from './upload-file.ts';
import { cancelUpload, type PartsOptions, uploadInParts } from './upload-in-parts.ts';
import { type DeleteAnswer, deleteMedia, type Media, type MediaOptions, uploadMedia } from './upload-media.ts';

export { type ClientOptions, StowageError } from './connection.ts';
export type { Uploaded, UploadOptions } from './upload-file.ts';
export type { PartsOptions } from './upload-in-parts.ts';
export type { DeleteAnswer, Media, MediaOptions } from './upload-media.ts';

export interface Client {
  /**
   * Upload API: stores the file and answers its link. Files above `chunkedAboveBytes` go in parts, several at once, each repeated on its own when it fails.
   * Throws `StowageError`, or the reason of `signal`; after a failure in parts, `resume` with the id that `onStart` got goes on where it stopped.
   */
  upload(file: Blob, options: UploadOptions & PartsOptions): Promise<Uploaded>;
  /** Forgets an upload in parts and what arrived of it. */
  cancelUpload(uploadId: string): Promise<void>;
  /** Media API: asks for an upload URL, uploads, completes. Every step is repeated when it fails for a passing reason, without making a second media. */
  uploadMedia(file: Blob, options: MediaOptions): Promise<Media>;
  deleteMedia(id: string): Promise<DeleteAnswer>;
}

/** Talks to one Stowage server. Files are `Blob`s: from a browser's input, or `await openAsBlob(path)` of `node:fs`, which is read as it is sent. */
export function createClient(options: ClientOptions): Client {
  const connection = createConnection(options);
  return {
    upload: (file, { chunkedAboveBytes = 64 * 2 ** 20, ...rest }) =>
      file.size > chunkedAboveBytes || rest.resume !== undefined
        ? uploadInParts(connection, file, rest)
        : uploadFile(connection, file, rest),
    cancelUpload: (uploadId) => cancelUpload(connection, uploadId),
    uploadMedia: (file, rest) => uploadMedia(connection, file, rest),
    deleteMedia: (id) => deleteMedia(connection, id),
  };
}
