import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Stowage } from './harness.ts';

const databaseFile = 'stowage.db';

export interface FileToSend {
  readonly bytes?: Uint8Array | string;
  readonly name?: string;
  readonly type?: string;
}

export interface PartToSend {
  /** Whole header lines, without the blank line. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | string;
}

/** `POST /upload` with one file part. */
export function upload(
  stowage: Stowage,
  query = '',
  { bytes = 'hello', name = 'hello.txt', type = 'text/plain' }: FileToSend = {},
): Promise<Response> {
  return stowage.fetch(`/upload${query}`, {
    method: 'POST',
    body: fileForm({ bytes, name, type }),
  });
}

export function fileForm({
  bytes = 'hello',
  name = 'hello.txt',
  type = 'text/plain',
}: FileToSend = {}): FormData {
  const form = new FormData();
  form.append('file', new Blob([bytes as string], { type }), name);
  return form;
}

/** The `src` of a successful upload; throws with what the server said otherwise. */
export async function srcOf(response: Response | Promise<Response>): Promise<string> {
  const answer = await response;
  const text = await answer.text();
  if (answer.status !== 200) {
    throw new Error(`${answer.status}: ${text}`);
  }
  return (JSON.parse(text) as [{ src: string }])[0].src;
}

/** A multipart body, byte by byte as told. */
export function multipartBody(
  parts: readonly PartToSend[],
  boundary = 'frontier',
): Buffer<ArrayBuffer> {
  const chunks = parts.flatMap(({ headers, body }) => [
    `--${boundary}\r\n${headers.join('\r\n')}\r\n\r\n`,
    typeof body === 'string' ? Buffer.from(body) : body,
    '\r\n',
  ]);
  return Buffer.concat(
    [...chunks, `--${boundary}--\r\n`].map((chunk) =>
      typeof chunk === 'string' ? Buffer.from(chunk) : chunk,
    ),
  );
}

export function filePart(
  bytes: Uint8Array | string,
  filename = 'hello.txt',
  type = 'text/plain',
): PartToSend {
  return {
    headers: [
      `Content-Disposition: form-data; name="file"; filename="${filename}"`,
      `Content-Type: ${type}`,
    ],
    body: bytes,
  };
}

export function fieldPart(name: string, value: string): PartToSend {
  return { headers: [`Content-Disposition: form-data; name="${name}"`], body: value };
}

export function postMultipart(
  stowage: Stowage,
  path: string,
  body: Uint8Array<ArrayBuffer>,
  boundary = 'frontier',
) {
  return stowage.fetch(path, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body,
  });
}

/**
 * Sends these bytes on a fresh connection and answers everything that comes back until the server
 * closes it, or `until` is found.
 */
export function exchange(
  url: string,
  request: string | Uint8Array,
  until?: string,
): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString('latin1');
      if (until !== undefined && answer.includes(until)) {
        socket.destroy();
      }
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
    socket.write(request);
  });
}

/**
 * Paths of all files under the data folder but the database and keys, and of all objects that are
 * rows of it (`stowage.db/<id>`): what uploads left behind.
 */
export async function storedObjects(stowage: Pick<Stowage, 'dataDir'>): Promise<readonly string[]> {
  const entries = await readdir(stowage.dataDir, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(stowage.dataDir.length + 1))
    .filter((path) => path.includes('/'));
  return [...files, ...rowsIn(stowage.dataDir)].sort();
}

function rowsIn(dataDir: string): readonly string[] {
  const path = join(dataDir, databaseFile);
  if (!existsSync(path)) {
    return [];
  }
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
  try {
    const rows = database.prepare('select blob_id from small_objects').all();
    return rows.map((row) => `${databaseFile}/${row.blob_id}`);
  } finally {
    database.close();
  }
}

/** Settings for tests that look for the files of small objects. */
export const objectsAsFiles = { STOWAGE_UPLOADS_SMALL_OBJECT_BYTES: '0' };

/** Settings that keep small objects of the local channel as rows of the database. */
export const objectsAsRows = { STOWAGE_UPLOADS_SMALL_OBJECT_BYTES: '131072' };

/** The two ways in which small objects are stored, as settings of the server. */
export const smallObjectKinds = [
  { kind: 'rows', env: objectsAsRows },
  { kind: 'files', env: objectsAsFiles },
] as const;

/** A JSON body, as the test expects it to be. */
export async function jsonOf<T>(response: Response | Promise<Response>): Promise<T> {
  return (await (await response).json()) as T;
}

/** Waits for what the server does after its answer; fails after 10 s. */
export async function eventually(check: () => Promise<void> | void): Promise<void> {
  const giveUpAt = Date.now() + 10_000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > giveUpAt) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

export function pseudoRandomBytes(size: number): Buffer<ArrayBuffer> {
  return Buffer.from(randomBytes(size));
}
