import type { Connection } from './connection.ts';
import { encodeForm } from './form.ts';

export interface MediaOptions {
  /** Name of the file, with its extension. */
  readonly name: string;
  /** One of the types that the Media API takes, `image/jpeg`. Default: that of the Blob. */
  readonly type?: string;
  readonly signal?: AbortSignal | undefined;
}

/** A media as the API shows it; more fields than these come along. */
export interface Media {
  readonly id: string;
  readonly status: string;
  readonly url: string | null;
  readonly [field: string]: unknown;
}

export interface DeleteAnswer {
  readonly [field: string]: unknown;
}

interface Presigned {
  readonly media_id: string;
  readonly upload_url: string;
  readonly upload_method: {
    readonly method: 'PUT' | 'POST';
    readonly field_name?: string | null;
    readonly headers?: Readonly<Record<string, string>> | null;
  };
}

export async function uploadMedia(connection: Connection, file: Blob, options: MediaOptions): Promise<Media> {
  const { signal, type = file.type } = options;
  const presigned = (await dataOf(connection, {
    method: 'POST',
    path: '/api/v1/media/upload',
    body: JSON.stringify({ filename: options.name, content_type: type, size: file.size }),
    // The same key for every try: a lost answer must not leave a second media behind.
    headers: { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() },
    repeatable: true,
    signal,
  })) as Presigned;
  await transfer(connection, presigned, { blob: file.slice(0, file.size, type), name: options.name, signal });
  const path = `/api/v1/media/${presigned.media_id}/complete`;
  return (await dataOf(connection, { method: 'POST', path, repeatable: true, signal })) as Media;
}

export async function deleteMedia(connection: Connection, id: string): Promise<DeleteAnswer> {
  return (await dataOf(connection, { method: 'DELETE', path: `/api/v1/media/${encodeURIComponent(id)}` })) as DeleteAnswer;
}

interface Transfer {
  readonly blob: Blob;
  readonly name: string;
  readonly signal: AbortSignal | undefined;
}

async function transfer(
  connection: Connection,
  { upload_url, upload_method }: Presigned,
  { blob, name, signal }: Transfer,
): Promise<void> {
  const { method, field_name, headers } = upload_method;
  const content = method === 'POST' ? { form: encodeForm({ [field_name ?? 'file']: { file: blob, name } }) } : { body: blob };
  await connection({ method, path: upload_url, ...content, headers: { ...headers }, anonymous: true, repeatable: true, signal });
}

async function dataOf(connection: Connection, call: Parameters<Connection>[0]): Promise<unknown> {
  const answer = (await connection(call)) as { readonly data?: unknown } | undefined;
  if (answer?.data == null) throw new TypeError('The answer is not that of a Media API.');
  return answer.data;
}
