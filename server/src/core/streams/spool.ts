import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ByteSource, ReplayableBody } from '../bytes.ts';
import { makeFolder } from '../disk/make-folder.ts';
import { fail } from '../errors.ts';
import { createByteBudget, type Share } from './byte-budget.ts';
import { noteBytesPassed } from './gc-pressure.ts';

const kiB = 1024;
// Of the process: what small bodies stay in memory with, what is collected for one write, and what
// all followers read at once, where a chunk stays until the socket has taken it.
const headBudget = createByteBudget({
  totalBytes: 8192 * kiB,
  minBytes: 16 * kiB,
  maxBytes: 256 * kiB,
});
const batchBudget = createByteBudget({
  totalBytes: 8192 * kiB,
  minBytes: 64 * kiB,
  maxBytes: 1024 * kiB,
});
const readBudget = createByteBudget({
  totalBytes: 1024 * kiB,
  minBytes: 32 * kiB,
  maxBytes: 256 * kiB,
});
/**
 * Bytes of a slow sender wait no longer than this for more to come: followers must see that there
 * is life.
 */
const lingerMs = 100;

/**
 * A replayable copy of a body while it is still arriving: one pump writes, any number of followers
 * read from any offset, each at its own pace. A small body stays in memory (up to 256 KiB, less
 * while there are many); a larger one is all in an unlinked temporary file, so that nothing has to
 * be swept after a crash.
 */
export interface Spool extends ReplayableBody {
  /** All bytes, those to come as they arrive. */
  open(): ByteSource;
  /** The bytes from `start` on, `size` of them, which must arrive. */
  slice(start: number, size: number): ReplayableBody & { readonly size: number };
  /**
   * Resolves as soon as `bytes` have arrived or the source has ended, with the bytes that are
   * there. Rejects when the source fails.
   */
  arrived(bytes: number): Promise<number>;
  /** The total, once the source has ended. */
  readonly ended: Promise<number>;
  /** The total, when the source has ended already. */
  readonly size: number | undefined;
  /** Frees disk and memory; followers fail from then on. */
  dispose(): Promise<void>;
}

/** Starts to read `source` at once. `folder` is made when it is needed. */
export function createSpool(source: ByteSource, folder: string): Spool {
  const state = new SpoolState(folder);
  const pump = state.fill(source);
  pump.catch(() => undefined);
  return {
    open: () => state.read(0, Number.POSITIVE_INFINITY),
    slice: (start, size) => ({ open: () => state.read(start, size), size }),
    arrived: (bytes) => state.waitFor(bytes),
    ended: pump,
    get size() {
      return state.total;
    },
    dispose: async () => {
      state.abort(fail('client_closed', { message: 'The upload was cancelled.' }));
      // Not after the pump: a source that stalls for good must not keep the file open.
      await state.close();
    },
  };
}

class SpoolState {
  total: number | undefined;
  readonly #folder: string;
  /** The body from its start, as long as it is small. */
  #head: Uint8Array[] = [];
  #headBytes = 0;
  readonly #headShare = headBudget.join();
  readonly #batchShare = batchBudget.join();
  #readable = 0;
  #file: FileHandle | undefined;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  #linger: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #error: unknown;
  #waiters: (() => void)[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  async fill(source: ByteSource): Promise<number> {
    try {
      for await (const chunk of source) {
        if (this.#error !== undefined) {
          throw this.#error;
        }
        if (this.#fitsHead(chunk)) {
          this.#head.push(chunk);
          this.#headBytes += chunk.length;
          this.#advance(chunk.length);
          continue;
        }
        this.#batch.push(chunk);
        this.#batchBytes += chunk.length;
        if (this.#batchBytes >= this.#batchShare.bytes) {
          await this.#flush();
        } else {
          this.#linger ??= setTimeout(
            () => void this.#flush().catch((error: unknown) => this.abort(error)),
            lingerMs,
          );
        }
      }
      await this.#flush();
      this.total = this.#readable;
      this.#wake();
      return this.total;
    } catch (error) {
      this.abort(error);
      throw error;
    } finally {
      this.#batchShare.leave();
    }
  }

  async *read(start: number, lengthBytes: number): AsyncGenerator<Uint8Array> {
    let at = start;
    const end = start + lengthBytes;
    const share = readBudget.join();
    try {
      while (at < end) {
        const there = await this.waitFor(at + 1);
        if (there <= at) {
          return;
        }
        for await (const chunk of this.#slice(at, Math.min(end, there), share)) {
          at += chunk.length;
          yield chunk;
        }
      }
    } finally {
      share.leave();
    }
  }

  async waitFor(bytes: number): Promise<number> {
    while (this.#readable < bytes && this.total === undefined && this.#error === undefined) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    if (this.#error !== undefined) {
      throw this.#error;
    }
    return this.#readable;
  }

  abort(error: unknown): void {
    this.#error ??= error;
    this.#wake();
  }

  async close(): Promise<void> {
    clearTimeout(this.#linger);
    this.#batchShare.leave();
    await this.#writing?.catch(() => undefined);
    this.#dropHead();
    this.#batch = [];
    await this.#file?.close();
  }

  async *#slice(start: number, end: number, share: Share): AsyncGenerator<Uint8Array> {
    // It may go to the file while we are at it.
    const inHead = Math.min(end, this.#headBytes);
    if (start < inHead) {
      yield* sliceChunks(this.#head, start, inHead);
    }
    let at = Math.max(start, inHead);
    while (at < end) {
      if (this.#error !== undefined) {
        throw this.#error;
      }
      const buffer = Buffer.allocUnsafe(Math.min(share.bytes, end - at));
      const read = await this.#file?.read(buffer, 0, buffer.length, at);
      if (read === undefined || read.bytesRead === 0) {
        throw fail('internal_error', { message: 'The temporary copy is incomplete.' });
      }
      at += read.bytesRead;
      noteBytesPassed(read.bytesRead);
      yield buffer.subarray(0, read.bytesRead);
    }
  }

  #fitsHead(chunk: Uint8Array): boolean {
    const spilled = this.#writing !== undefined || this.#batchBytes > 0;
    return !spilled && this.#headBytes + chunk.length <= this.#headShare.bytes;
  }

  /** One after the other: a write's place is where the one before has ended. */
  #flush(): Promise<void> {
    const writing = (this.#writing ?? Promise.resolve()).then(() => this.#write());
    this.#writing = writing;
    return writing;
  }

  async #write(): Promise<void> {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    if (this.#error !== undefined) {
      throw this.#error;
    }
    const bytes = this.#batchBytes;
    if (bytes === 0) {
      return;
    }
    // The first write takes along what was in memory.
    const batch = [...this.#head, ...this.#batch];
    const position = this.#readable - this.#headBytes;
    this.#batch = [];
    this.#batchBytes = 0;
    try {
      this.#file ??= await openUnlinked(this.#folder);
      await writeAll(this.#file, batch, position, this.#headBytes + bytes);
      this.#dropHead();
      this.#advance(bytes);
    } catch (error) {
      throw diskError(error);
    }
  }

  #dropHead(): void {
    this.#head = [];
    this.#headBytes = 0;
    this.#headShare.leave();
  }

  #advance(bytes: number): void {
    this.#readable += bytes;
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) {
      wake();
    }
  }
}

function* sliceChunks(
  chunks: readonly Uint8Array[],
  start: number,
  end: number,
): Generator<Uint8Array> {
  let offset = 0;
  for (const chunk of chunks) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, chunk.length);
    if (from < to) {
      yield chunk.subarray(from, to);
    }
    offset += chunk.length;
    if (offset >= end) {
      return;
    }
  }
}

async function openUnlinked(folder: string): Promise<FileHandle> {
  const path = join(folder, `spool-${crypto.randomUUID()}`);
  const create = () => open(path, 'wx+', 0o600);
  const file = await create().catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') {
      throw error;
    }
    makeFolder(folder);
    return create();
  });
  await unlink(path);
  return file;
}

async function writeAll(
  file: FileHandle,
  batch: Uint8Array[],
  position: number,
  bytes: number,
): Promise<void> {
  const { bytesWritten } = await file.writev(batch, position);
  if (bytesWritten === bytes) {
    return;
  }
  const rest = Buffer.concat(batch).subarray(bytesWritten);
  for (let done = 0; done < rest.length; ) {
    const written = await file.write(
      rest,
      done,
      rest.length - done,
      position + bytesWritten + done,
    );
    done += written.bytesWritten;
  }
}

function diskError(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return fail('disk_full', { cause: error });
  }
  if (code === 'EMFILE' || code === 'ENFILE' || code === 'EIO') {
    return fail('service_unavailable', { cause: error });
  }
  return error;
}
