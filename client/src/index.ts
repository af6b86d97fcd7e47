import { type ClientOptions, createConnection } from './connection.ts';
import { type Media, type MediaCalls, mediaCalls, type Presigned } from './media.ts';
import { type Uploaded, type UploadOptions, uploadFile } from './upload-file.ts';
import { cancelUpload, type PartsOptions, uploadInParts } from './upload-in-parts.ts';
import { type SendOptions, sendPresigned, uploadMedia } from './upload-media.ts';

export { type ClientOptions, StowageError } from './connection.ts';
export type {
  DeletedMedia,
  ImportOptions,
  ListOptions,
  Media,
  MediaCalls,
  MediaPage,
  MediaStatus,
  MediaType,
  Presigned,
  PresignOptions,
} from './media.ts';
export type { OnProgress } from './progress.ts';
export type { Uploaded, UploadOptions } from './upload-file.ts';
export type { PartsOptions } from './upload-in-parts.ts';
export type { SendOptions } from './upload-media.ts';

export interface Client extends MediaCalls {
  /**
   * Upload API: stores the file and returns its link. Files above `chunkedAboveBytes` are sent in
   * parts, several at once, and each part is retried on its own. Throws `StowageError`, or the
   * reason of `signal`. After a failure in parts, call it again with `resume` and the id passed to
   * `onStart` to send only the missing parts.
   */
  upload(file: Blob, options: UploadOptions & PartsOptions): Promise<Uploaded>;
  /** Cancels an upload in parts. The server deletes the parts that have arrived. */
  cancelUpload(uploadId: string): Promise<void>;
  /** Channels that accept uploads, by the type that `upload` takes as `channel`. */
  channels(): Promise<
    Readonly<Record<string, readonly { readonly name: string; readonly type: string }[]>>
  >;
  /**
   * Media API: presign, send, complete. Every step is retried after transient failures, without
   * creating a second media object.
   */
  uploadMedia(file: Blob, options: SendOptions): Promise<Media>;
  /**
   * Sends a file to an address that `presignMedia` returned. Needs no token, so another machine can
   * do it. Call `completeMedia` next.
   */
  sendPresigned(presigned: Presigned, file: Blob, options: SendOptions): Promise<void>;
}

/**
 * A client of one Stowage server. Files are `Blob`s from a browser's input or from `await
 * openAsBlob(path)` of `node:fs`. They are read as they are sent.
 */
export function createClient(options: ClientOptions): Client {
  const connection = createConnection(options);
  const media = mediaCalls(connection);
  return {
    ...media,
    upload: (file, { chunkedAboveBytes = 64 * 2 ** 20, ...rest }) =>
      file.size > chunkedAboveBytes || rest.resume !== undefined
        ? uploadInParts(connection, file, rest)
        : uploadFile(connection, file, rest),
    cancelUpload: (uploadId) => cancelUpload(connection, uploadId),
    channels: async () =>
      (await connection({ path: '/api/channels', repeatable: true })) as Awaited<
        ReturnType<Client['channels']>
      >,
    uploadMedia: (file, rest) => uploadMedia({ media, connection }, file, rest),
    sendPresigned: (presigned, file, rest) =>
      sendPresigned(connection, presigned, { ...rest, file }),
  };
}
