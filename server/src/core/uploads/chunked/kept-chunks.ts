import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ByteSource } from '../../bytes.ts';
import { createHasher } from '../../streams/hash.ts';
import { tap } from '../../streams/tap.ts';

export interface KeptChunk {
  readonly index: number;
  readonly size: number;
  /** Hex BLAKE3 of the bytes: a copy that a crash has damaged is noticed. */
  readonly hash: string;
  readonly path: string;
}

export interface KeptChunkOptions {
  /** Made when it is first needed. */
  readonly folder: string;
  /** Of all uploads together; 0 keeps nothing. */
  readonly maxBytes: number;
}

/**
 * Chunks that arrived whole but that their backend did not take. They stay on this node's disk
 * until a merge stores them, the client sends them again, or their upload ends. Best effort: the
 * client knows that the chunk failed, so losing a copy costs one transfer.
 */
export class KeptChunks {
  readonly #folder: string;
  readonly #maxBytes: number;
  /** Undefined until what an earlier process left has been counted. */
  #usedBytes: Promise<number> | undefined;
  #change = 0;

  constructor({ folder, maxBytes }: KeptChunkOptions) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes a copy of the `size` bytes of `source`, in place of an older one of the same chunk. False
   * when there is no room.
   */
  async keep(
    uploadId: string,
    index: number,
    chunk: { readonly size: number; readonly source: ByteSource },
  ): Promise<boolean> {
    const { size, source } = chunk;
    if (size === 0 || (await this.#used()) + size > this.#maxBytes) {
      return false;
    }
    this.#change += size;
    const draft = join(this.#folder, uploadId, `draft-${crypto.randomUUID()}`);
    try {
      await mkdir(join(this.#folder, uploadId), { recursive: true, mode: 0o700 });
      const hasher = createHasher();
      await pipeline(
        tap(source, { onChunk: hasher.update }),
        createWriteStream(draft, { flags: 'wx', mode: 0o600 }),
      );
      await this.drop(uploadId, index);
      await rename(draft, join(this.#folder, uploadId, `${index}-${size}-${hasher.digest()}`));
      return true;
    } catch {
      this.#change -= size;
      await rm(draft, { force: true });
      return false;
    }
  }

  /** What is kept of the upload, ascending. */
  async list(uploadId: string): Promise<readonly KeptChunk[]> {
    const folder = join(this.#folder, uploadId);
    const chunks = (await namesIn(folder)).map((name) => parseName(folder, name));
    return chunks.filter((chunk) => chunk !== undefined).toSorted((a, b) => a.index - b.index);
  }

  async drop(uploadId: string, index: number): Promise<void> {
    for (const chunk of await this.list(uploadId)) {
      if (chunk.index === index) {
        await this.#remove(chunk);
      }
    }
  }

  /** Removes what is kept of uploads that `isOpen` does not confirm. */
  async sweep(isOpen: (uploadId: string) => Promise<boolean>): Promise<void> {
    for (const uploadId of await namesIn(this.#folder)) {
      if (!(await isOpen(uploadId))) {
        await this.dropUpload(uploadId);
      }
    }
  }

  async dropUpload(uploadId: string): Promise<void> {
    for (const chunk of await this.list(uploadId)) {
      await this.#remove(chunk);
    }
    await rm(join(this.#folder, uploadId), { recursive: true, force: true });
  }

  async #remove(chunk: KeptChunk): Promise<void> {
    await this.#used();
    await rm(chunk.path, { force: true });
    this.#change -= chunk.size;
  }

  async #used(): Promise<number> {
    this.#usedBytes ??= this.#count();
    return (await this.#usedBytes) + this.#change;
  }

  async #count(): Promise<number> {
    const uploads = await Promise.all(
      (await namesIn(this.#folder)).map((uploadId) => this.list(uploadId)),
    );
    return uploads.flat().reduce((sum, { size }) => sum + size, 0);
  }
}

/** Opened when it is read: a stream that fails while nothing reads it would end the process. */
export async function* openKept({ path }: KeptChunk): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path);
}

function parseName(folder: string, name: string): KeptChunk | undefined {
  const [, index, size, hash] = /^(\d+)-(\d+)-([0-9a-f]+)$/.exec(name) ?? [];
  if (index === undefined || size === undefined || hash === undefined) {
    return undefined;
  }
  return { index: Number(index), size: Number(size), hash, path: join(folder, name) };
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) {
      return [];
    }
    throw error;
  }
}
