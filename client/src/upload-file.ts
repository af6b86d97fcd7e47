import type { Connection } from './connection.ts';
import { encodeForm } from './form.ts';
import { type OnProgress, progressOf } from './progress.ts';

export interface UploadOptions {
  /** Name of the file, with its extension. */
  readonly name: string;
  /** Content type. Default: that of the Blob. The server also detects it from the bytes. */
  readonly type?: string | undefined;
  /** Folder to store under, `holidays/2026`. */
  readonly folder?: string | undefined;
  readonly naming?: 'default' | 'index' | 'origin' | 'short' | undefined;
  /** Type of channel, and name of one channel. Default: the server's settings. */
  readonly channel?: string | undefined;
  readonly channelName?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** In one piece: bytes sent. In parts: bytes of the parts that are stored. */
  readonly onProgress?: OnProgress | undefined;
}

export interface Uploaded {
  /** Absolute link to the file. */
  readonly src: string;
  /** Link below the site's own prefix, when the server has one. */
  readonly publicUrl?: string;
}

/**
 * Sends the file in one request. Not retried after a broken connection, because the server may have
 * stored it.
 */
export async function uploadFile(
  connection: Connection,
  file: Blob,
  options: UploadOptions,
): Promise<Uploaded> {
  const { name, type, signal } = options;
  const form = encodeForm({ file: { file, name, type } });
  const { onSent, done } = progressOf(file.size, options.onProgress);
  const answer = await connection({
    method: 'POST',
    path: '/upload',
    query: placing(options),
    form,
    signal,
    onSent,
  });
  done();
  return firstOf(answer);
}

/** Query parameters for the folder, name and channel of the file and for the form of its link. */
export function placing(options: UploadOptions): Record<string, string | undefined> {
  return {
    returnFormat: 'full',
    uploadFolder: options.folder,
    uploadNameType: options.naming,
    uploadChannel: options.channel,
    channelName: options.channelName,
  };
}

/** The Upload API returns a list of one. */
export function firstOf(answer: unknown): Uploaded {
  const [first] = Array.isArray(answer) ? (answer as readonly Uploaded[]) : [];
  if (typeof first?.src !== 'string') {
    throw new TypeError('The response is not one of the Upload API.');
  }
  return first;
}
