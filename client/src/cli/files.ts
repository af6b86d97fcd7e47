import { createWriteStream, openAsBlob } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join, posix, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** A file to upload: its path, and its folder relative to the argument that named it. */
export interface Found {
  readonly path: string;
  readonly folder?: string | undefined;
}

/**
 * The files of the arguments, in order. Reads folders when `recursive` is set, otherwise throws for
 * them.
 */
export async function filesOf(
  paths: readonly string[],
  { recursive }: { readonly recursive: boolean },
): Promise<readonly Found[]> {
  const found = paths.map(async (path): Promise<readonly Found[]> => {
    const isFolder = path !== '-' && (await stat(path).catch(() => undefined))?.isDirectory();
    return isFolder && recursive ? filesIn(path) : [{ path }];
  });
  return (await Promise.all(found)).flat();
}

async function filesIn(root: string): Promise<readonly Found[]> {
  const entries = await readdir(root, { withFileTypes: true, recursive: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return files.sort().map((path) => {
    const folder = posix.dirname(relative(root, path).split(sep).join('/'));
    return { path, folder: folder === '.' ? undefined : folder };
  });
}

export interface Opened {
  readonly file: Blob;
  readonly name: string;
  readonly type: string;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Opens a file for sending. Standard input is copied to a temporary file first, because an upload
 * must know its size.
 */
export async function openFile(path: string, wanted: OpenOptions): Promise<Opened> {
  const name = wanted.name ?? basename(path);
  const type = wanted.type ?? typeOf(name);
  if (path === '-') {
    return { ...(await openInput(type, wanted.signal)), name, type };
  }
  // Node also makes a Blob of a folder, which fails only when it is read.
  const found = await stat(path).catch((cause) => {
    throw cause.code === 'ENOENT' ? new Error('There is no such file.', { cause }) : cause;
  });
  if (found.isDirectory()) {
    throw new Error('This is a folder: add --recursive, or name its files, such as folder/*.');
  }
  return { file: await openAsBlob(path, { type }), name, type, close: async () => {} };
}

async function openInput(
  type: string,
  signal: AbortSignal,
): Promise<{ readonly file: Blob; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'stowage-upload-'));
  const close = () => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, 'input');
    await pipeline(process.stdin, createWriteStream(path, { flags: 'wx', mode: 0o600 }), {
      signal,
    });
    return { file: await openAsBlob(path, { type }), close };
  } catch (error) {
    await close();
    signal.throwIfAborted();
    throw error;
  }
}

/**
 * By extension. The server detects the type from the bytes, and uses a harmless declared type where
 * they show nothing.
 */
const types: Readonly<Record<string, string>> = {
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  gif: 'image/gif',
  webp: 'image/webp',
  avif: 'image/avif',
  heic: 'image/heic',
  heif: 'image/heif',
  svg: 'image/svg+xml',
  bmp: 'image/bmp',
  tif: 'image/tiff',
  tiff: 'image/tiff',
  mp4: 'video/mp4',
  m4v: 'video/mp4',
  mov: 'video/quicktime',
  webm: 'video/webm',
  mkv: 'video/x-matroska',
  mp3: 'audio/mpeg',
  m4a: 'audio/mp4',
  ogg: 'audio/ogg',
  flac: 'audio/flac',
  wav: 'audio/wav',
  pdf: 'application/pdf',
  zip: 'application/zip',
  json: 'application/json',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
};

export const unknownType = 'application/octet-stream';

function typeOf(name: string): string {
  const extension = extname(name).slice(1).toLowerCase();
  return (Object.hasOwn(types, extension) ? types[extension] : undefined) ?? unknownType;
}
