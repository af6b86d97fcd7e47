import { isDeepStrictEqual } from 'node:util';
import type { ByteRange, ByteSource } from '../../core/bytes.ts';
import type { GetResult } from '../../core/channel.ts';
import type { StoredFile } from '../../core/metadata.ts';
import type { Content } from '../content/send-content.ts';

/** A response to the link of a file, without the parts that differ between requests. */
export interface HotFile {
  readonly content: Omit<Content, 'open'>;
  readonly bytes: Uint8Array;
}

interface Entry extends HotFile {
  readonly stored: StoredFile;
  /** The content version at which `stored` was current. */
  version: number;
}

interface ToKeep {
  readonly link: string;
  readonly stored: StoredFile;
  /** From before `stored` was read. */
  readonly version: number;
  readonly content: Omit<Content, 'open'>;
}

export const maxHotBytes = 64 * 1024;
/** What an entry takes beside its bytes, about. */
const entryBytes = 2048;

/**
 * Small files that were read lately, by their links. Bytes never change, so only the rows can be
 * out of date: an entry is used as long as nothing can have changed since its row was read
 * (`MetadataStore.contentVersion`), and again once the row has been read anew and is the same.
 * That a link names no file is never remembered.
 */
export class HotFiles {
  readonly #maxBytes: number;
  readonly #version: () => number;
  /** The least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(maxBytes: number, version: () => number) {
    this.#maxBytes = maxBytes;
    this.#version = version;
  }

  /** Take it before a row is read. */
  version(): number {
    return this.#maxBytes === 0 ? Number.NaN : this.#version();
  }

  /** What a link shows at this moment. Undefined when only the database knows. */
  get(link: string): HotFile | undefined {
    const entry = this.#entries.get(link);
    if (entry === undefined || entry.version !== this.#version()) {
      return undefined;
    }
    this.#entries.delete(link);
    this.#entries.set(link, entry);
    return entry;
  }

  /** The bytes of a file whose row has just been read. Undefined when they are not kept. */
  renew(link: string, stored: StoredFile, version: number): Uint8Array | undefined {
    const entry = this.#entries.get(link);
    if (entry === undefined) {
      return undefined;
    }
    if (!isDeepStrictEqual(entry.stored, stored)) {
      this.#drop(link, entry);
      return undefined;
    }
    entry.version = version;
    return entry.bytes;
  }

  /** Keeps the bytes of a small file on their way to the reader. */
  keep(file: ToKeep, opened: GetResult): GetResult {
    const { size } = file.content;
    if (size > maxHotBytes || size + entryBytes > this.#maxBytes || opened.size !== size) {
      return opened;
    }
    return { ...opened, stream: this.#collect(file, opened.stream) };
  }

  async *#collect(file: ToKeep, stream: ByteSource): ByteSource {
    const bytes = Buffer.allocUnsafeSlow(file.content.size);
    let size = 0;
    for await (const chunk of stream) {
      if (size + chunk.length <= bytes.length) {
        bytes.set(chunk, size);
      }
      size += chunk.length;
      // The reader leaves with the last chunk.
      if (size === bytes.length) {
        this.#add(file, bytes);
      }
      yield chunk;
    }
  }

  #add({ link, stored, version, content }: ToKeep, bytes: Uint8Array): void {
    // Something has changed while the bytes were read, perhaps this file.
    if (version !== this.#version()) {
      return;
    }
    const before = this.#entries.get(link);
    if (before !== undefined) {
      this.#drop(link, before);
    }
    this.#entries.set(link, { stored, version, content, bytes });
    this.#bytes += bytes.length + entryBytes;
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) {
        break;
      }
      this.#drop(oldest, entry);
    }
  }

  #drop(link: string, { bytes }: Entry): void {
    this.#entries.delete(link);
    this.#bytes -= bytes.length + entryBytes;
  }
}

export function fromMemory(bytes: Uint8Array, range: ByteRange | undefined): GetResult {
  const part = range === undefined ? bytes : bytes.subarray(range.start, range.end + 1);
  return { size: part.length, stream: once(part) };
}

async function* once(bytes: Uint8Array): ByteSource {
  yield bytes;
}
