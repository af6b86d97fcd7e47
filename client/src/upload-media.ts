import type { Connection } from './connection.ts';
import { encodeForm } from './form.ts';
import type { Media, MediaCalls, Presigned } from './media.ts';
import { type OnProgress, progressOf } from './progress.ts';

export interface SendOptions {
  /** Name of the file, for upload URLs that take a form. */
  readonly name: string;
  /** The type that was passed to `presignMedia`. Default: that of the Blob. */
  readonly type?: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** All three steps: presign, send, complete. */
export async function uploadMedia(
  { media, connection }: { readonly media: MediaCalls; readonly connection: Connection },
  file: Blob,
  options: SendOptions,
): Promise<Media> {
  const { name, signal, type = file.type } = options;
  const presigned = await media.presignMedia({ name, type, size: file.size, signal });
  await sendPresigned(connection, presigned, { ...options, file });
  return media.completeMedia(presigned.media_id, { signal });
}

/**
 * The second step: sends the file with the method and form that the server asked for. Needs no
 * token.
 */
export async function sendPresigned(
  connection: Connection,
  { upload_url, upload_method }: Presigned,
  { file, name, type = file.type, signal, onProgress }: SendOptions & { readonly file: Blob },
): Promise<void> {
  const { method, field_name, headers } = upload_method;
  const blob = file.slice(0, file.size, type);
  const content =
    method === 'POST'
      ? { form: encodeForm({ [field_name ?? 'file']: { file: blob, name } }) }
      : { body: blob };
  const { onSent, done } = progressOf(file.size, onProgress);
  const sending = {
    ...content,
    headers: { ...headers },
    anonymous: true,
    repeatable: true,
    signal,
    onSent,
  };
  await connection({ method, path: upload_url, ...sending });
  done();
}
