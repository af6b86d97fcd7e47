import type { Connection } from './connection.ts';
import { encodeForm, type FormFields } from './form.ts';
import { firstOf, placing, type Uploaded, type UploadOptions } from './upload-file.ts';

export interface PartsOptions {
  /** Files larger than this are sent in parts. Default 64 MiB. */
  readonly chunkedAboveBytes?: number;
  /** Default 16 MiB, more for files that would need over 10,000 parts. */
  readonly partBytes?: number;
  /** Parts in flight at once. Default 3. */
  readonly parallel?: number;
  /**
   * Id of an upload of the same file with the same `partBytes`. Only the missing parts are sent.
   */
  readonly resume?: string | undefined;
  /** Called with the id to resume with. */
  readonly onStart?: (uploadId: string) => void;
}

interface Session {
  readonly uploadId: string;
  /** Indexes of the parts that the server has. */
  readonly stored: ReadonlySet<number>;
  /** Present when the upload was merged already and only the response was lost. */
  readonly result?: Uploaded | undefined;
}

const MOST_PARTS = 10_000;

export async function uploadInParts(
  connection: Connection,
  file: Blob,
  options: UploadOptions & PartsOptions,
): Promise<Uploaded> {
  const partBytes = Math.max(options.partBytes ?? 16 * 2 ** 20, Math.ceil(file.size / MOST_PARTS));
  const total = Math.max(1, Math.ceil(file.size / partBytes));
  const form = {
    originalFileName: options.name,
    originalFileType: options.type || file.type || 'application/octet-stream',
    totalChunks: total,
  };
  const { uploadId, stored, result } = await (options.resume === undefined ? start : look)(
    connection,
    form,
    options,
  );
  options.onStart?.(uploadId);
  if (result !== undefined) {
    return result;
  }
  let storedBytes = 0;
  const note = (index: number) => {
    storedBytes += partAt(file, index, partBytes).size;
    options.onProgress?.(storedBytes, file.size);
  };
  for (const index of stored) {
    note(index);
  }
  const missing = Array.from({ length: total }, (_, index) => index).filter(
    (index) => !stored.has(index),
  );
  await inParallel(missing, options, async (index, signal) => {
    const fields = {
      ...form,
      uploadId,
      chunkIndex: index,
      file: { file: partAt(file, index, partBytes), name: 'part' },
    };
    await connection({
      ...post({ ...channelOf(options), chunked: true }, fields),
      repeatable: true,
      signal,
    });
    note(index);
  });
  const query = { ...placing(options), chunked: true, merge: true };
  return firstOf(
    await connection({
      ...post(query, { ...form, uploadId }),
      repeatable: true,
      signal: options.signal,
    }),
  );
}

export async function cancelUpload(connection: Connection, uploadId: string): Promise<void> {
  await connection({
    method: 'POST',
    path: '/upload',
    query: { cleanup: true, uploadId },
    repeatable: true,
  });
}

async function start(
  connection: Connection,
  form: FormFields,
  options: UploadOptions,
): Promise<Session> {
  const query = { ...placing(options), initChunked: true };
  const answer = await connection({
    ...post(query, form),
    repeatable: true,
    signal: options.signal,
  });
  const { uploadId } = answer as { readonly uploadId?: unknown };
  if (typeof uploadId !== 'string') {
    throw new TypeError('The server did not start a chunked upload.');
  }
  return { uploadId, stored: new Set() };
}

interface StatusAnswer {
  readonly totalChunks?: number;
  readonly uploadedChunks?: readonly number[];
  readonly result?: Uploaded;
}

/** A Stowage server lists the parts it has. */
async function look(
  connection: Connection,
  form: FormFields,
  { resume = '', signal }: PartsOptions & UploadOptions,
): Promise<Session> {
  const answer = await connection({
    path: '/upload/status',
    query: { uploadId: resume },
    repeatable: true,
    signal,
  });
  const { totalChunks, uploadedChunks, result } = answer as StatusAnswer;
  if (totalChunks !== form.totalChunks || !Array.isArray(uploadedChunks)) {
    throw new TypeError('The upload to resume is of another file, or has parts of another size.');
  }
  return { uploadId: resume, stored: new Set(uploadedChunks), result };
}

function post(query: Readonly<Record<string, string | boolean | undefined>>, fields: FormFields) {
  return { method: 'POST', path: '/upload', query, form: encodeForm(fields) } as const;
}

function channelOf({ channel, channelName }: UploadOptions) {
  return { uploadChannel: channel, channelName };
}

function partAt(file: Blob, index: number, partBytes: number): Blob {
  return file.slice(index * partBytes, Math.min(file.size, (index + 1) * partBytes));
}

type Work = (index: number, signal: AbortSignal) => Promise<void>;

/** Works through the list, a few items at once. The first failure stops the others. */
async function inParallel(
  indexes: readonly number[],
  { parallel = 3, signal }: PartsOptions & UploadOptions,
  work: Work,
): Promise<void> {
  const failure = new AbortController();
  const either = signal === undefined ? failure.signal : AbortSignal.any([failure.signal, signal]);
  const queue = [...indexes];
  const worker = async () => {
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
      await work(index, either);
    }
  };
  const stop = (error: unknown) => {
    failure.abort(error);
    throw error;
  };
  await Promise.all(
    Array.from({ length: Math.min(parallel, indexes.length) }, () => worker().catch(stop)),
  );
}
