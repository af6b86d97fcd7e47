import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Call, parseRange, type Reply } from './http.ts';

/** The object store and CDN behind the hub: signed links only, objects on disk, one space per repository. */
export interface Storage {
  readonly handle: (call: Call) => Promise<Reply>;
  /** A link that ends with the emulator. */
  sign(path: string): string;
  sizeOf(repo: string, oid: string): Promise<number | undefined>;
  /** Signed part links of a multipart upload, by padded number. */
  parts(repo: string, oid: string, count: number): { uploadId: string; links: Record<string, string> };
  /** Joins the parts; answers a sentence when something does not fit. */
  complete(uploadId: string, parts: readonly { partNumber: number; etag: string }[]): Promise<string | undefined>;
  /** `repo/oid` of every stored object. */
  objects(): Promise<readonly string[]>;
}

interface OpenUpload {
  readonly name: string;
  readonly count: number;
  readonly etags: Map<number, string>;
}

export function createStorage(folder: string, baseUrl: () => string): Storage {
  const key = randomBytes(16).toString('hex');
  const uploads = new Map<string, OpenUpload>();
  const signature = (path: string): string => createHash('sha256').update(`${key}${path}`).digest('hex');
  const fileOf = (name: string): string => join(folder, name.replaceAll('/', '__'));

  const store = async ({ request }: Call, name: string): Promise<Reply> => {
    const temporary = fileOf(`${name}.${randomBytes(4).toString('hex')}.part`);
    const md5 = createHash('md5');
    await mkdir(folder, { recursive: true });
    try {
      await pipeline(
        request,
        async function* (source: AsyncIterable<Buffer>) {
          for await (const chunk of source) {
            md5.update(chunk);
            yield chunk;
          }
        },
        createWriteStream(temporary),
      );
      await rename(temporary, fileOf(name));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    return { status: 200, headers: { etag: `"${md5.digest('hex')}"` } };
  };

  const read = async ({ headers }: Call, name: string): Promise<Reply> => {
    const found = await stat(fileOf(name)).catch(() => undefined);
    if (found === undefined) return xmlError(404, 'NoSuchKey');
    const range = parseRange(headers.range, found.size);
    if (range === null) return { ...xmlError(416, 'InvalidRange'), headers: { 'content-range': `bytes */${found.size}` } };
    const { start, end } = range ?? { start: 0, end: found.size - 1 };
    const file = { path: fileOf(name), start, end };
    const etag = `"${createHash('md5').update(name).digest('hex')}"`;
    if (range === undefined) return { status: 200, file, headers: { 'accept-ranges': 'bytes', etag } };
    return { status: 206, file, headers: { etag, 'content-range': `bytes ${start}-${end}/${found.size}` } };
  };

  return {
    sign: (path) => `${baseUrl()}${path}?X-Amz-Signature=${signature(path)}`,

    async handle(call) {
      const { method, url, headers } = call;
      // S3 takes one kind of credentials only: a token that follows the redirect is an error
      if (headers.authorization !== undefined) return xmlError(400, 'InvalidArgument: Only one auth mechanism allowed');
      if (url.searchParams.get('X-Amz-Signature') !== signature(url.pathname)) return xmlError(403, 'SignatureDoesNotMatch');
      if (method === 'PUT' && headers['content-length'] === undefined) return xmlError(411, 'MissingContentLength');
      const part = /^\/part\/([0-9a-f]+)\/(\d+)$/.exec(url.pathname);
      if (part !== null && method === 'PUT') {
        const [, uploadId = '', number = ''] = part;
        const reply = await store(call, `part/${uploadId}/${number}`);
        uploads.get(uploadId)?.etags.set(Number(number), reply.headers?.etag ?? '');
        return reply;
      }
      const name = url.pathname.slice('/lfs/'.length);
      if (method === 'PUT') return store(call, name);
      return read(call, name);
    },

    async sizeOf(repo, oid) {
      return (await stat(fileOf(`${repo}/${oid}`)).catch(() => undefined))?.size;
    },

    parts(repo, oid, count) {
      const uploadId = randomBytes(8).toString('hex');
      uploads.set(uploadId, { name: `${repo}/${oid}`, count, etags: new Map() });
      const numbers = Array.from({ length: count }, (_, index) => index + 1);
      return {
        uploadId,
        links: Object.fromEntries(
          numbers.map((number) => [String(number).padStart(5, '0'), this.sign(`/part/${uploadId}/${number}`)]),
        ),
      };
    },

    async complete(uploadId, parts) {
      const upload = uploads.get(uploadId);
      if (upload === undefined) return 'NoSuchUpload';
      if (parts.length !== upload.count) return 'InvalidPart: parts are missing';
      if (parts.some(({ partNumber, etag }, index) => partNumber !== index + 1 || upload.etags.get(partNumber) !== etag))
        return 'InvalidPart: one or more of the specified parts could not be found';
      const target = createWriteStream(`${fileOf(upload.name)}.part`);
      for (const { partNumber } of parts)
        await pipeline(createReadStream(fileOf(`part/${uploadId}/${partNumber}`)), target, { end: false });
      await new Promise<void>((resolve) => target.end(resolve));
      await rename(`${fileOf(upload.name)}.part`, fileOf(upload.name));
      await Promise.all(parts.map(({ partNumber }) => rm(fileOf(`part/${uploadId}/${partNumber}`))));
      return undefined;
    },

    async objects() {
      const names = await readdir(folder).catch(() => []);
      return names.map((name) => name.replaceAll('__', '/'));
    },
  };
}

function xmlError(status: number, code: string): Reply {
  return {
    status,
    body: `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`,
    headers: { 'content-type': 'application/xml' },
  };
}
