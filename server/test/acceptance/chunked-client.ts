import type { Stowage } from './harness.ts';

export interface ChunkedUpload {
  readonly uploadId: string;
  readonly name: string;
  readonly type: string;
  readonly total: number;
  /** Instead of the admin token. */
  readonly headers?: Record<string, string>;
}

/** The calls of a chunked upload as the Upload API's document shows them. */
export async function initUpload(
  stowage: Stowage,
  total: number,
  {
    name = 'video.bin',
    type = 'application/octet-stream',
    query = '',
    headers = {} as Record<string, string>,
  } = {},
): Promise<ChunkedUpload> {
  const body = formOf({
    originalFileName: name,
    originalFileType: type,
    totalChunks: String(total),
  });
  const response = await stowage.fetch(`/upload?initChunked=true${query}`, {
    method: 'POST',
    body,
    headers,
  });
  const text = await response.text();
  if (response.status !== 200) {
    throw new Error(`${response.status}: ${text}`);
  }
  return { uploadId: JSON.parse(text).uploadId, name, type, total, headers };
}

export function fieldsOf({ uploadId, name, type, total }: ChunkedUpload): Record<string, string> {
  return { uploadId, totalChunks: String(total), originalFileName: name, originalFileType: type };
}

export function formOf(
  fields: Readonly<Record<string, string>>,
  chunk?: { bytes: Uint8Array; first?: boolean },
): FormData {
  const form = new FormData();
  const add = () => {
    if (chunk !== undefined) {
      form.append('file', new Blob([chunk.bytes as Uint8Array<ArrayBuffer>]), 'blob');
    }
  };
  if (chunk?.first === true) {
    add();
  }
  for (const [name, value] of Object.entries(fields)) {
    form.append(name, value);
  }
  if (chunk?.first !== true) {
    add();
  }
  return form;
}

export function putChunk(
  stowage: Stowage,
  upload: ChunkedUpload,
  chunkIndex: number,
  bytes: Uint8Array,
  { query = '', first = false, fields = {} as Record<string, string> } = {},
): Promise<Response> {
  const body = formOf(
    { ...fieldsOf(upload), chunkIndex: String(chunkIndex), ...fields },
    { bytes, first },
  );
  return stowage.fetch(`/upload?chunked=true${query}`, {
    method: 'POST',
    body,
    headers: upload.headers ?? {},
  });
}

export function mergeUpload(
  stowage: Stowage,
  upload: ChunkedUpload,
  { query = '', fields = {} as Record<string, string> } = {},
): Promise<Response> {
  const body = formOf({ ...fieldsOf(upload), ...fields });
  return stowage.fetch(`/upload?chunked=true&merge=true${query}`, {
    method: 'POST',
    body,
    headers: upload.headers ?? {},
  });
}

/** Which parts are in. */
export async function uploadedChunks(
  stowage: Stowage,
  upload: ChunkedUpload,
): Promise<readonly number[]> {
  const response = await stowage.fetch(`/upload/status?uploadId=${upload.uploadId}`, {
    headers: upload.headers ?? {},
  });
  return ((await response.json()) as { uploadedChunks: number[] }).uploadedChunks;
}

export function cut(bytes: Uint8Array, size: number): readonly Uint8Array[] {
  return Array.from({ length: Math.max(1, Math.ceil(bytes.length / size)) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

export function shuffled<T>(items: readonly T[]): readonly T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
