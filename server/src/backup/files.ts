import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createHasher } from '../core/streams/hash.ts';

const bufferBytes = 1 << 20;
const privateFile = 0o600;

export interface Content {
  readonly bytes: number;
  /** Hex BLAKE3 */
  readonly blake3: string;
}

/**
 * Copies a file durably to a new one. Returns the size and hash of the copy. With `wanted`, a copy
 * that differs from it is removed again.
 */
export async function copyFile(from: string, to: string, wanted?: Content): Promise<Content> {
  const source = await openFile(from);
  try {
    const target = await open(
      to,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
      privateFile,
    );
    let content: Content;
    try {
      content = await read(source, async (chunk) => {
        for (let at = 0; at < chunk.length; ) {
          at += (await target.write(chunk, at)).bytesWritten;
        }
      });
      await target.sync();
    } catch (error) {
      await unlink(to);
      throw error;
    } finally {
      await target.close();
    }
    if (wanted !== undefined && !isSame(content, wanted)) {
      await unlink(to);
    }
    return content;
  } finally {
    await source.close();
  }
}

export async function contentOf(path: string): Promise<Content> {
  const file = await openFile(path);
  try {
    return await read(file, async () => undefined);
  } finally {
    await file.close();
  }
}

export function isSame(a: Content, b: Content): boolean {
  return a.bytes === b.bytes && a.blake3 === b.blake3;
}

/** Anything but a plain file counts as missing. (Opening a FIFO would block.) */
async function openFile(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if ((await file.stat()).isFile()) {
    return file;
  }
  await file.close();
  throw Object.assign(new Error(`${path} is not a file.`), { code: 'ENOENT' });
}

async function read(file: FileHandle, onChunk: (chunk: Buffer) => Promise<void>): Promise<Content> {
  const { size } = await file.stat();
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(bufferBytes, size)));
  const hasher = createHasher();
  let bytes = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length);
    if (bytesRead === 0) {
      return { bytes, blake3: hasher.digest() };
    }
    const chunk = buffer.subarray(0, bytesRead);
    hasher.update(chunk);
    await onChunk(chunk);
    bytes += bytesRead;
  }
}

/** Writes a file atomically: it exists complete or not at all. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  const file = await open(draft, 'w', privateFile);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await syncFolder(dirname(path));
}

export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the names in a folder survive power loss. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Creates each folder once and remembers it, so that its name can be synced later. */
export function createFolderMaker(): { make(path: string): Promise<void>; sync(): Promise<void> } {
  const made = new Map<string, Promise<unknown>>();
  return {
    async make(path) {
      const making = made.get(path) ?? mkdir(path, { recursive: true, mode: 0o700 });
      made.set(path, making);
      await making;
    },
    async sync() {
      for (const path of new Set(
        [...made.keys()].flatMap((each) => [each, dirname(each), dirname(dirname(each))]),
      )) {
        await syncFolder(path);
      }
    },
  };
}

/** Runs `work` for every item, several at a time. The first failure ends all of them. */
export async function forEachOf<T>(
  items: AsyncIterable<T> | Iterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const atOnce = 8;
  const iterator = toIterator(items);
  let failed = false;
  const run = async (): Promise<void> => {
    while (!failed) {
      const { done, value } = await iterator.next();
      if (done === true) {
        return;
      }
      await work(value).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const results = await Promise.allSettled(Array.from({ length: atOnce }, run));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) {
    throw failure.reason;
  }
}

async function* toIterator<T>(items: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** The real path, links resolved, of the part of a path that exists. */
export async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isMissing(error) || dirname(path) === path) {
      throw error;
    }
    return join(await realPathOf(dirname(path)), basename(path));
  }
}

/** Undefined when the file does not exist. */
export async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    (error: NodeJS.ErrnoException) => (isMissing(error) ? undefined : Promise.reject(error)),
  );
}

export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(
    (error as NodeJS.ErrnoException).code ?? '',
  );
}
