import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Call, Handler, Reply } from './http.ts';

export interface PartTag {
  readonly partNumber: number;
  readonly etag: string;
}

/**
 * The object store and CDN behind the hub: signed links only, objects on disk, one space per
 * repository.
 */
export interface Storage {
  route(call: Call): Handler;
  /** Address of an object, valid as long as the emulator. */
  link(repo: string, oid: string): string;
  sizeOf(repo: string, oid: string): Promise<number | undefined>;
  /** Signed part links of a multipart upload, by padded number. */
  startParts(
    repo: string,
    oid: string,
    count: number,
  ): { uploadId: string; links: Record<string, string> };
  /** Joins the parts; returns a sentence when something does not fit. */
  complete(uploadId: string, parts: readonly PartTag[]): Promise<string | undefined>;
  /** `repo/oid` of every stored object, and what is left of unfinished ones. */
  objects(): Promise<readonly string[]>;
}

interface OpenUpload {
  readonly name: string;
  readonly count: number;
  readonly etags: Map<number, string>;
}

export function createStorage(host: () => { readonly url: string; readonly dir: string }): Storage {
  const key = randomBytes(16).toString('hex');
  const uploads = new Map<string, OpenUpload>();
  const signature = (path: string): string =>
    createHash('sha256').update(`${key}${path}`).digest('hex');
  const sign = (path: string): string => `${host().url}${path}?X-Amz-Signature=${signature(path)}`;
  const fileOf = (name: string): string => join(host().dir, encodeURIComponent(name));

  const store = async ({ request }: Call, name: string): Promise<Reply> => {
    const partial = fileOf(`${name}.${randomBytes(4).toString('hex')}.partial`);
    const md5 = createHash('md5');
    try {
      await pipeline(request, tap(md5.update.bind(md5)), createWriteStream(partial));
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
    await rename(partial, fileOf(name));
    return { status: 200, headers: { etag: `"${md5.digest('hex')}"` } };
  };

  const storePart = async (call: Call, uploadId: string, number: string): Promise<Reply> => {
    const upload = uploads.get(uploadId);
    if (upload === undefined) {
      return xmlError(404, 'NoSuchUpload');
    }
    const reply = await store(call, `part/${uploadId}/${number}`);
    upload.etags.set(Number(number), reply.headers?.etag ?? '');
    return reply;
  };

  const read = async (name: string): Promise<Reply> => {
    const found = await stat(fileOf(name)).catch(() => undefined);
    if (found === undefined) {
      return xmlError(404, 'NoSuchKey');
    }
    const etag = `"${createHash('md5').update(name).digest('hex')}"`;
    return { status: 200, headers: { etag }, file: { path: fileOf(name), size: found.size } };
  };

  return {
    link: (repo, oid) => sign(`/lfs/${repo}/${oid}`),

    route: ({ method, url }) => {
      const [, uploadId = '', number = ''] =
        /^\/part\/([0-9a-f]+)\/(\d+)$/.exec(url.pathname) ?? [];
      const name = url.pathname.slice('/lfs/'.length);
      if (method === 'GET') {
        return guarded('storage-get', () => read(name), signature);
      }
      if (uploadId !== '') {
        return guarded('part-put', (call) => storePart(call, uploadId, number), signature);
      }
      return guarded('lfs-put', (call) => store(call, name), signature);
    },

    sizeOf: async (repo, oid) =>
      (await stat(fileOf(`${repo}/${oid}`)).catch(() => undefined))?.size,

    startParts: (repo, oid, count) => {
      const uploadId = randomBytes(8).toString('hex');
      uploads.set(uploadId, { name: `${repo}/${oid}`, count, etags: new Map() });
      const numbers = Array.from({ length: count }, (_, index) => index + 1);
      const linkOf = (number: number) =>
        [String(number).padStart(5, '0'), sign(`/part/${uploadId}/${number}`)] as const;
      return { uploadId, links: Object.fromEntries(numbers.map(linkOf)) };
    },

    complete: async (uploadId, parts) => {
      const upload = uploads.get(uploadId);
      if (upload === undefined) {
        return 'NoSuchUpload';
      }
      const fits = ({ partNumber, etag }: PartTag, index: number) =>
        partNumber === index + 1 && upload.etags.get(partNumber) === etag;
      if (parts.length !== upload.count || !parts.every(fits)) {
        return 'InvalidPart: a specified part could not be found';
      }
      const files = parts.map(({ partNumber }) => fileOf(`part/${uploadId}/${partNumber}`));
      await joinFiles(files, fileOf(`${upload.name}.partial`));
      await rename(fileOf(`${upload.name}.partial`), fileOf(upload.name));
      uploads.delete(uploadId);
      return undefined;
    },

    objects: async () => (await readdir(host().dir)).map(decodeURIComponent),
  };
}

function guarded(
  name: string,
  handle: (call: Call) => Promise<Reply>,
  signature: (path: string) => string,
): Handler {
  return {
    name,
    handle: async (call) => {
      const { url, headers, method } = call;
      // S3 takes one kind of credentials only: a token that follows a redirect is an error.
      if (headers.authorization !== undefined) {
        return xmlError(400, 'InvalidArgument: Only one auth mechanism allowed');
      }
      if (url.searchParams.get('X-Amz-Signature') !== signature(url.pathname)) {
        return xmlError(403, 'SignatureDoesNotMatch');
      }
      if (method === 'PUT' && headers['content-length'] === undefined) {
        return xmlError(411, 'MissingContentLength');
      }
      return handle(call);
    },
  };
}

function tap(see: (chunk: Buffer) => unknown) {
  return async function* (source: AsyncIterable<Buffer>) {
    for await (const chunk of source) {
      see(chunk);
      yield chunk;
    }
  };
}

async function joinFiles(files: readonly string[], target: string): Promise<void> {
  await pipeline(async function* () {
    for (const file of files) {
      yield* createReadStream(file, { highWaterMark: 2 ** 20 });
    }
  }, createWriteStream(target));
  await Promise.all(files.map((file) => rm(file)));
}

function xmlError(status: number, code: string): Reply {
  const headers = { 'content-type': 'application/xml' };
  return { status, text: `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`, headers };
}
