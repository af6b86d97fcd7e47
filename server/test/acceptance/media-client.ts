import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Stowage } from './harness.ts';

/** What the envelope holds, loosely typed: the tests say what they expect of it. */
// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not used
export type Body = any;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

export function fixture(name: string): Buffer {
  return readFileSync(fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url)));
}

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

/** The Media API as a program sees it: every answer must be JSON in the envelope. */
export function mediaClient(app: Stowage, base = '/api/v1') {
  const call = async (
    method: string,
    path: string,
    init: { json?: unknown; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer> => {
    const headers = {
      ...(init.json !== undefined && { 'content-type': 'application/json' }),
      ...init.headers,
    };
    const body = init.json === undefined ? (init.body ?? null) : JSON.stringify(init.json);
    const response = await app.fetch(`${base}${path}`, { method, headers, body });
    return {
      status: response.status,
      headers: response.headers,
      body: JSON.parse(await response.text()),
    };
  };
  return {
    call,
    async presign(
      fields: Record<string, unknown>,
      headers: Record<string, string> = {},
    ): Promise<Answer> {
      return call('POST', '/media/upload', { json: fields, headers });
    },
    complete: (id: string): Promise<Answer> => call('POST', `/media/${id}/complete`),
    get: (id: string): Promise<Answer> => call('GET', `/media/${id}`),
    /** Raw bytes to an upload address. */
    async put(
      url: string,
      bytes: Uint8Array,
      headers: Record<string, string> = {},
    ): Promise<Response> {
      return fetch(url, { method: 'PUT', headers, body: Buffer.from(bytes) });
    },
    async postForm(
      url: string,
      bytes: Uint8Array,
      name = 'file',
      type = 'image/jpeg',
    ): Promise<Response> {
      const form = new FormData();
      form.set(name, new Blob([Buffer.from(bytes)], { type }), 'upload.bin');
      return fetch(url, { method: 'POST', body: form });
    },
  };
}

export type MediaClient = ReturnType<typeof mediaClient>;

/** All three steps; the answer of the last. */
export async function uploadMedia(
  client: MediaClient,
  filename: string,
  contentType: string,
): Promise<Answer> {
  const bytes = fixture(filename);
  const presigned = await client.presign({
    filename,
    content_type: contentType,
    size: bytes.length,
  });
  await client.put(presigned.body.data.upload_url, bytes, { 'content-type': contentType });
  return client.complete(presigned.body.data.media_id);
}
