import type { Caller } from '../access/access.ts';
import type { ByteSource } from '../bytes.ts';
import { fail } from '../errors.ts';
import type { Files } from '../library/files.ts';
import type { StoredFile } from '../metadata.ts';
import { displayName, isGivenOnce, type NameMode, nameCandidates } from '../naming/file-id.ts';
import type { Prober } from '../prober.ts';
import type { ChannelPool, Choice } from '../storage/channel-pool.ts';
import type { Intake, IntakeResult } from '../storage/intake.ts';

/** A file as it comes in: where it goes must be known before its first byte. */
export interface IncomingFile {
  readonly filename: string;
  readonly contentType: string | undefined;
  readonly choice: Choice;
  /** Whether the store may recompress a picture. */
  readonly mayRecompress: boolean;
  /** Read to its end, or left, before the next file is asked for. */
  readonly body: ByteSource;
}

/** What the files are called; may be known only after the last byte. */
export interface UploadNaming {
  readonly folder?: string | undefined;
  readonly nameMode?: NameMode | undefined;
}

export type StoredBytes = Omit<IntakeResult, 'head'>;

export interface BasicUpload {
  /** Ends when the whole request has been read; what it throws refuses all files. */
  readonly files: AsyncIterable<IncomingFile>;
  /** Called once all bytes are stored, in order; what it throws refuses all files. */
  readonly naming: (stored: readonly StoredBytes[]) => UploadNaming;
  readonly caller: Caller;
  readonly ip: string;
  readonly signal: AbortSignal;
}

export interface BasicUploadOptions {
  readonly intake: Intake;
  readonly pool: Pick<ChannelPool, 'candidates'>;
  readonly files: Pick<Files, 'add' | 'remove'>;
  readonly prober: Pick<Prober, 'fromHead'>;
  /** Of one file. */
  readonly maxUploadBytes: number;
}

/** Bytes that are stored, and that have no name in the library yet. */
interface UnnamedFile {
  readonly filename: string;
  readonly bytes: StoredBytes;
  readonly width: number | null | undefined;
  readonly height: number | null | undefined;
}

/** A form may have many small files, whose names come last. What is beyond this becomes a file. */
const maxHeldBytesOfRequest = 512 * 1024;
const maxHeldBytes = 32 * 1024 * 1024;

/** Upload API 1: files in one request. */
export class BasicUploads {
  readonly #options: BasicUploadOptions;
  /** Of small files whose bytes go into the database with their names, of all requests. */
  #heldBytes = 0;

  constructor(options: BasicUploadOptions) {
    this.#options = options;
  }

  /**
   * Stores the files one after the other, then names them in the same order: all of them or none.
   * After any failure nothing of them stays.
   */
  async store(upload: BasicUpload): Promise<readonly StoredFile[]> {
    const unnamed: UnnamedFile[] = [];
    try {
      const naming = await this.#storeAll(unnamed, upload);
      return await this.#nameAll(unnamed, naming, upload);
    } finally {
      this.#heldBytes -= heldBytes(unnamed);
    }
  }

  async #storeAll(unnamed: UnnamedFile[], upload: BasicUpload): Promise<UploadNaming> {
    try {
      for await (const file of upload.files) {
        const mayBeRow =
          this.#heldBytes < maxHeldBytes && heldBytes(unnamed) < maxHeldBytesOfRequest;
        const stored = await this.#storeBytes(file, mayBeRow, upload.signal);
        this.#heldBytes += stored.bytes.row?.length ?? 0;
        unnamed.push(stored);
      }
      return upload.naming(unnamed.map(({ bytes }) => bytes));
    } catch (error) {
      // No row has been written, whatever the error is.
      await this.#discard(unnamed, undefined);
      throw error;
    }
  }

  async #storeBytes(
    file: IncomingFile,
    mayBeRow: boolean,
    signal: AbortSignal,
  ): Promise<UnnamedFile> {
    const { intake, pool, prober, maxUploadBytes } = this.#options;
    const { head, ...bytes } = await intake.store({
      source: file.body,
      maxBytes: maxUploadBytes,
      filename: file.filename,
      declaredType: file.contentType ?? 'application/octet-stream',
      candidates: await pool.candidates(file.choice),
      mayRecompress: file.mayRecompress,
      mayBeRow,
      retryFirst: file.choice.fallback,
      signal,
    });
    const { width, height } =
      bytes.recompressed ?? prober.fromHead(head, bytes.sniffed.contentType);
    return { filename: file.filename, bytes, width, height };
  }

  async #nameAll(
    unnamed: readonly UnnamedFile[],
    naming: UploadNaming,
    upload: BasicUpload,
  ): Promise<readonly StoredFile[]> {
    const added: StoredFile[] = [];
    try {
      for (const file of unnamed) {
        added.push(await this.#name(file, naming, upload));
      }
      return added;
    } catch (error) {
      await Promise.allSettled(added.map(({ file }) => this.#options.files.remove(file.id)));
      await this.#discard(unnamed.slice(added.length), error);
      throw error;
    }
  }

  async #name(
    { filename, bytes, width, height }: UnnamedFile,
    { nameMode: mode = 'default', folder = '' }: UploadNaming,
    { caller, ip }: BasicUpload,
  ): Promise<StoredFile> {
    const { contentType } = bytes;
    const added = await this.#options.files.add({
      bytes,
      filename: displayName(filename),
      contentType,
      path: nameCandidates({ mode, filename, contentType, folder }),
      givenOnce: isGivenOnce(mode),
      width,
      height,
      uploader: caller.token?.id ?? null,
      promisedTo: caller.owner,
      ip,
    });
    if (added === undefined) {
      throw fail('internal_error');
    }
    return added;
  }

  /** Removes bytes that nothing will promise because of `error`. */
  async #discard(unnamed: readonly UnnamedFile[], error: unknown): Promise<void> {
    await Promise.allSettled(
      unnamed.map(({ bytes }) => this.#options.intake.discard(bytes, error)),
    );
  }
}

function heldBytes(files: readonly UnnamedFile[]): number {
  return files.reduce((sum, { bytes }) => sum + (bytes.row?.length ?? 0), 0);
}
