import {
  closeSync,
  constants,
  fsync,
  link,
  linkSync,
  open,
  openSync,
  unlink,
  writev,
  writevSync,
} from 'node:fs';
import type { ReplayableBody } from '../../core/bytes.ts';
import type { PutOptions, PutResult } from '../../core/channel.ts';
import type { ByteBudget } from '../../core/streams/byte-budget.ts';
import { type Batch, type Batches, createBatches } from './batches.ts';
import type { Blocks } from './blocks.ts';
import type { Folder, Folders } from './folders.ts';
import { io, ioSync, unlessMissing } from './io.ts';
import type { Marks } from './marks.ts';
import { fileNameOf } from './names.ts';
import type { QuickDisk } from './quick-disk.ts';
import type { PageCacheHint } from './read.ts';
import type { Claim, Space } from './space.ts';
import { WriteBehind } from './write-behind.ts';

export interface WriteContext {
  readonly objects: string;
  readonly folders: Folders;
  readonly marks: Marks;
  readonly space: Space;
  readonly disk: QuickDisk;
  readonly warm: PageCacheHint;
  /** For the batch that is written and, as much again, the one that is collected. */
  readonly budget: ByteBudget;
  readonly blocks: Blocks;
}

/**
 * An object on its way: the mark is written, then linked to its public name, then both are made to
 * last.
 */
interface Draft {
  readonly folder: Folder;
  readonly path: string;
  readonly markPath: string;
  readonly objectPath: string;
  fd: number | undefined;
  isLinked: boolean;
  size: number;
}

const smallBytes = 128 * 1024;
const createOnly = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const mode = 0o600;

export async function write(
  body: ReplayableBody,
  options: PutOptions,
  context: WriteContext,
): Promise<PutResult> {
  const { signal } = options;
  signal.throwIfAborted();
  const name = fileNameOf(options.key);
  const claim = await context.space.claim(body.size);
  const share = context.budget.join();
  const batches = createBatches(body.open(), { signal, share, blocks: context.blocks });
  try {
    const first = await batches.next();
    return await createDraft(name, context, async (draft) => {
      await fill(draft, { first, batches, claim, disk: context.disk });
      await settleBoth(
        io((done) => fsync(draft.fd ?? -1, done)),
        draft.folder.sync(),
      );
      signal.throwIfAborted();
    });
  } finally {
    batches.leave();
    share.leave();
    claim.release();
  }
}

async function createDraft(
  name: string,
  context: WriteContext,
  work: (draft: Draft) => Promise<void>,
): Promise<PutResult> {
  const folder = context.folders.take();
  const path = `${folder.path}/${name}`;
  const objectPath = `${context.objects}/${path}`;
  try {
    const draft: Draft = {
      folder,
      path,
      objectPath,
      markPath: context.marks.begin(path),
      fd: undefined,
      isLinked: false,
      size: 0,
    };
    await complete(draft, work);
    context.warm.add(path);
    return { ref: { path }, size: draft.size };
  } finally {
    context.marks.landed(path);
    folder.release();
  }
}

async function complete(draft: Draft, work: (draft: Draft) => Promise<void>): Promise<void> {
  try {
    await work(draft);
    closeSync(draft.fd ?? -1);
  } catch (error) {
    await discard(draft);
    throw error;
  }
}

interface Body {
  readonly first: Batch;
  readonly batches: Batches;
  readonly claim: Claim;
  readonly disk: QuickDisk;
}

/**
 * Writes the body and links it. Its fsync comes after the link, so that one journal commit covers
 * data and both names.
 */
async function fill(draft: Draft, { first, batches, claim, disk }: Body): Promise<void> {
  await claim.take(first.bytes);
  if (first.last && first.bytes <= smallBytes && disk.isQuick) {
    disk.time(() => ioSync(() => fillNow(draft, first)));
    return;
  }
  draft.fd = await io<number>((done) => open(draft.markPath, createOnly, mode, done));
  const behind = new WriteBehind(draft.fd);
  // Also after a failure: a descriptor must not be closed while it is being synced.
  await writeBatches(draft, { first, batches, claim, behind }).finally(() => behind.end());
  await io((done) => link(draft.markPath, draft.objectPath, done));
  draft.isLinked = true;
}

function fillNow(draft: Draft, first: Batch): void {
  const { chunks, bytes } = first;
  draft.fd = openSync(draft.markPath, createOnly, mode);
  for (let rest = chunks; draft.size < bytes; ) {
    const written = writevSync(draft.fd, rest, draft.size);
    draft.size += written;
    rest = after(rest, written);
  }
  first.release();
  linkSync(draft.markPath, draft.objectPath);
  draft.isLinked = true;
}

interface Flow extends Pick<Body, 'first' | 'batches' | 'claim'> {
  readonly behind: WriteBehind;
}

/** While one batch is being written, the next one is pulled from the source. */
async function writeBatches(draft: Draft, { first, batches, claim, behind }: Flow): Promise<void> {
  for (let batch = first; ; ) {
    const writing = writeAll(draft, batch);
    if (batch.last) {
      return writing;
    }
    const [next] = await settleBoth(batches.next(), writing);
    behind.wrote(batch.bytes);
    await claim.take(next.bytes);
    batch = next;
  }
}

async function writeAll(draft: Draft, batch: Batch): Promise<void> {
  const { fd } = draft;
  const { chunks, bytes } = batch;
  const end = draft.size + bytes;
  for (let rest = chunks; fd !== undefined && draft.size < end; ) {
    const written = await io<number>((done) => writev(fd, rest, draft.size, done));
    draft.size += written;
    rest = after(rest, written);
  }
  batch.release();
}

/**
 * What is left of `chunks` when `written` bytes of them are on disk: a disk that fills up takes the
 * beginning, then refuses.
 */
function after(chunks: Uint8Array[], written: number): Uint8Array[] {
  let skip = written;
  const index = chunks.findIndex((chunk) => {
    if (skip < chunk.byteLength) {
      return true;
    }
    skip -= chunk.byteLength;
    return false;
  });
  const [head, ...tail] = index < 0 ? [] : chunks.slice(index);
  return head === undefined ? [] : [head.subarray(skip), ...tail];
}

/**
 * Waits for both even when one fails: a descriptor must not be closed while it is being written.
 */
async function settleBoth<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  const [first, second] = await Promise.allSettled([a, b]);
  if (first.status === 'rejected') {
    throw first.reason;
  }
  if (second.status === 'rejected') {
    throw second.reason;
  }
  return [first.value, second.value];
}

/** Leaves no trace. What can't be removed now is found by `unsettled` at the next start. */
async function discard(draft: Draft): Promise<void> {
  if (draft.fd === undefined) {
    return;
  }
  closeSync(draft.fd);
  if (draft.isLinked) {
    await unlessMissing(io((done) => unlink(draft.objectPath, done))).catch(() => {});
  }
  await unlessMissing(io((done) => unlink(draft.markPath, done))).catch(() => {});
}
