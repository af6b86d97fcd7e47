import type { Call, Connection } from './connection.ts';
import { randomId } from './form.ts';

export type MediaStatus = 'uploading' | 'ready' | 'failed';
export type MediaType = 'image' | 'video' | 'audio' | 'document' | 'other';

/**
 * A media object as the API returns it, with the names of the OpenAPI document. Some values have
 * two names there.
 */
export interface Media {
  readonly id: string;
  readonly media_id: string;
  readonly media_ids: readonly string[];
  /** When `failed`, `error_message` holds the reason. */
  readonly status: MediaStatus;
  readonly media_status: MediaStatus;
  readonly upload_status: MediaStatus;
  readonly type: MediaType;
  readonly media_type: MediaType;
  readonly filename: string;
  readonly original_name: string;
  readonly content_type: string;
  readonly mime_type: string;
  /** Bytes; null while unknown. */
  readonly size: number | null;
  readonly file_size: number | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly dimensions: { readonly width: number; readonly height: number } | null;
  readonly aspect_ratio: number | null;
  readonly orientation: 'landscape' | 'portrait' | 'square' | null;
  /** Seconds, of videos. */
  readonly duration: number | null;
  /** The permanent link; null while there is no file, or when the owner hides links. */
  readonly url: string | null;
  readonly thumbnail_url: string | null;
  readonly error_message: string | null;
  /** ISO 8601. */
  readonly created_at: string;
}

/** Permission to upload one file. Can be handed to a browser, which then needs no token. */
export interface Presigned {
  readonly media_id: string;
  readonly upload_url: string;
  readonly upload_method: {
    readonly method: 'PUT' | 'POST';
    readonly content_type?: string;
    readonly field_name?: string | null;
    readonly headers?: Readonly<Record<string, string>> | null;
  };
  /** Seconds for which `upload_url` is valid. */
  readonly expires_in: number;
  readonly expires_at: string;
  readonly max_size: number;
}

export interface PresignOptions {
  /** Name of the file, with its extension. */
  readonly name: string;
  /** One of the types that the Media API takes, such as `image/jpeg`. */
  readonly type: string;
  readonly size: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ListOptions {
  readonly type?: 'image' | 'video' | 'document';
  /** Default: only media that are ready. */
  readonly status?: MediaStatus;
  /** 1 to 100, default 20. */
  readonly limit?: number;
  readonly offset?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface MediaPage {
  /** Newest first. */
  readonly media: readonly Media[];
  /** All that match, on every page. */
  readonly total: number;
  readonly pagination: {
    readonly limit: number;
    readonly offset: number;
    readonly total: number;
    readonly has_more: boolean;
  };
}

export interface DeletedMedia {
  readonly id: string;
  readonly media_id: string;
  readonly deleted: true;
  readonly message: string;
}

export interface ImportOptions {
  /** Default: the last segment of the URL. */
  readonly name?: string;
  readonly signal?: AbortSignal | undefined;
}

interface Cancellable {
  readonly signal?: AbortSignal | undefined;
}

/** The Media API, call by call. */
export interface MediaCalls {
  /**
   * Gets an upload URL for one file. Retried after transient failures, without creating a second
   * media object.
   */
  presignMedia(options: PresignOptions): Promise<Presigned>;
  /** Verifies and publishes the uploaded file. Safe to repeat. */
  completeMedia(id: string, options?: Cancellable): Promise<Media>;
  getMedia(id: string, options?: Cancellable): Promise<Media>;
  listMedia(options?: ListOptions): Promise<MediaPage>;
  /**
   * The server fetches a public URL. A video is `uploading` at first: poll `getMedia` until that
   * changes.
   */
  importMedia(url: string, options?: ImportOptions): Promise<Media>;
  /** Deletes a media object, or cancels its upload. */
  deleteMedia(id: string, options?: Cancellable): Promise<DeletedMedia>;
}

const base = '/api/v1/media';

export function mediaCalls(connection: Connection): MediaCalls {
  const call = <T>(rest: Call) => dataOf<T>(connection, rest);
  const at = (id: string) => `${base}/${encodeURIComponent(id)}`;
  return {
    presignMedia: ({ name, type, size, signal }) =>
      call(
        posting(
          `${base}/upload`,
          { filename: name, content_type: type, size, direct: true },
          signal,
        ),
      ),
    completeMedia: (id, { signal } = {}) =>
      call({ method: 'POST', path: `${at(id)}/complete`, repeatable: true, signal }),
    getMedia: (id, { signal } = {}) => call({ path: at(id), repeatable: true, signal }),
    listMedia: ({ signal, ...query } = {}) => call({ path: base, query, repeatable: true, signal }),
    importMedia: (url, { name, signal } = {}) =>
      call(posting(`${base}/upload-from-url`, { url, filename: name }, signal)),
    deleteMedia: (id, { signal } = {}) => call({ method: 'DELETE', path: at(id), signal }),
  };
}

/** The same key for every attempt: a lost response must not leave a second media object. */
function posting(path: string, body: object, signal: AbortSignal | undefined): Call {
  const headers = { 'content-type': 'application/json', 'idempotency-key': randomId() };
  return { method: 'POST', path, body: JSON.stringify(body), headers, repeatable: true, signal };
}

async function dataOf<T>(connection: Connection, call: Call): Promise<T> {
  const answer = (await connection(call)) as { readonly data?: T } | undefined;
  if (answer?.data == null) {
    throw new TypeError('The response is not one of the Media API.');
  }
  return answer.data;
}
