import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstat,
  lstatSync,
  open,
  openSync,
  read,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs';
import { dirname } from 'node:path';
import type { ByteRange, ByteSource } from '../../core/bytes.ts';
import type { GetOptions, GetResult } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import type { ByteBudget } from '../../core/streams/byte-budget.ts';
import { errnoOf, io, ioSync } from './io.ts';
import type { QuickDisk } from './quick-disk.ts';
import { streamFile } from './stream-file.ts';

export interface ReadContext {
  readonly objects: string;
  readonly disk: QuickDisk;
  readonly warm: PageCacheHint;
  readonly budget: ByteBudget;
}

/**
 * Objects whose pages are likely in memory: written or read lately by this process. Small ones of
 * these are read synchronously, which costs a quarter of the way through the thread pool;
 * everything else, and all reads after a slow one (`quick-disk.ts`), may have to wait for the disk
 * and goes through the pool.
 */
export interface PageCacheHint {
  has(path: string): boolean;
  add(path: string): void;
}

export function createPageCacheHint(capacity = 8192): PageCacheHint {
  let young = new Set<string>();
  let old = new Set<string>();
  return {
    has: (path) => young.has(path) || old.has(path),
    add: (path) => {
      young.add(path);
      if (young.size > capacity / 2) {
        old = young;
        young = new Set();
      }
    },
  };
}

const smallBytes = 128 * 1024;
// A FIFO put in an object's place must not block the open.
const readOnly = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export async function readObject(
  path: string,
  options: GetOptions,
  context: ReadContext,
): Promise<GetResult> {
  const { signal } = options;
  signal.throwIfAborted();
  const file = `${context.objects}/${path}`;
  const isQuick = context.disk.isQuick && context.warm.has(path);
  const fd = await openObject(file, isQuick ? context.disk : undefined);
  let keepOpen = false;
  try {
    signal.throwIfAborted();
    assertInPlace(fd, file);
    const { start, size } = spanOf(fd, options.range);
    context.warm.add(path);
    if (size > smallBytes) {
      keepOpen = true;
      return { stream: streamFile({ fd, start, size, signal, budget: context.budget }), size };
    }
    const bytes = Buffer.allocUnsafeSlow(size);
    const got = isQuick
      ? context.disk.time(() => ioSync(() => readSync(fd, bytes, 0, size, start)))
      : await io<number>((done) => read(fd, bytes, 0, size, start, done));
    assertWhole(got, size);
    return { stream: once(bytes, signal), size };
  } finally {
    if (!keepOpen) {
      closeSync(fd);
    }
  }
}

async function openObject(file: string, disk: QuickDisk | undefined): Promise<number> {
  try {
    return disk === undefined
      ? await io<number>((done) => open(file, readOnly, done))
      : disk.time(() => ioSync(() => openSync(file, readOnly)));
  } catch (error) {
    throw isGone(error) ? fail('not_found', { cause: error }) : error;
  }
}

/** As an open would find it. */
export async function sizeOf(file: string): Promise<number> {
  const stat = await io<Stats>((done) => lstat(file, done)).catch((error: unknown) => {
    throw isGone(error) ? fail('not_found', { cause: error }) : error;
  });
  if (!stat.isFile() || hasLinkedParent(file)) {
    throw fail('not_found');
  }
  return stat.size;
}

function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(errnoOf(error) ?? '');
}

/** No fs call waits for the disk here: the inode came with the open. */
function spanOf(
  fd: number,
  range: ByteRange | undefined,
): { readonly start: number; readonly size: number } {
  const stat = ioSync(() => fstatSync(fd));
  if (!stat.isFile()) {
    throw fail('not_found');
  }
  if (range === undefined) {
    return { start: 0, size: stat.size };
  }
  const size = range.end - range.start + 1;
  assertWhole(Math.min(stat.size - range.start, size), size);
  return { start: range.start, size };
}

/** A file that is shorter than it was when it was stored. */
function assertWhole(got: number, size: number): void {
  if (got < size) {
    throw fail('channel_unavailable', {
      message: 'The stored file is damaged: it is shorter than it should be.',
    });
  }
}

const hasProc = existsSync('/proc/self/fd');

/**
 * O_NOFOLLOW covers the last name only: a symlink among its parents shows in where the descriptor
 * really is.
 */
function assertInPlace(fd: number, file: string): void {
  if (
    hasProc ? ioSync(() => readlinkSync(`/proc/self/fd/${fd}`)) !== file : hasLinkedParent(file)
  ) {
    throw fail('not_found');
  }
}

/** Whether one of the two folders above an object is not a real folder. */
export function hasLinkedParent(file: string): boolean {
  const folder = dirname(file);
  return [folder, dirname(folder)].some(
    (path) => !(lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false),
  );
}

async function* once(bytes: Buffer, signal: AbortSignal): ByteSource {
  signal.throwIfAborted();
  if (bytes.byteLength > 0) {
    yield bytes;
  }
}
