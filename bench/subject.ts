import type { CurlArguments } from './load/curl.ts';
import type { Load } from './load/requests.ts';
import type { Outcome } from './outcome.ts';

/**
 * A server under test, running on a file system of its own. An absent member is something it cannot
 * do.
 */
export interface Subject {
  readonly name: string;
  /** Its first process; children count as well. */
  readonly pid: number;
  /**
   * A folder: uploads count only when its file system was synced after the answer, by the bench.
   * Absent where the answer is enough.
   */
  readonly syncs?: string | undefined;
  /** Its last lines. */
  log(): readonly string[];
  /** One upload of the file as a raw body. */
  rawUpload?(file: string): Promise<CurlArguments>;
  /** One upload of the file as a multipart form. */
  formUpload?(file: string): Promise<CurlArguments>;
  /** One upload of a video in these chunks, each a file. */
  chunkedUpload?(chunks: readonly string[]): Promise<ChunkedUpload>;
  /** Stores pictures by presigned upload, all but the last step: that, once for each. */
  completions?(picture: string, count: number): Promise<Load>;
  /** Uploads of 10 KiB, one file each. */
  readonly smallUpload?: Load | undefined;
  /** Asks for the address of an upload. */
  presign?(): Promise<Load>;
  /** Pages of 20 of a library with so many files. */
  listPages?(files: number): Load;
  /** Writes so many files to the metadata store, by 32 callers, without any server. */
  addFiles?(count: number): Promise<Outcome>;
  /** Stores a file by whatever way, and returns where it can be read. */
  store?(file: string): Promise<string>;
  stop(): Promise<void>;
}

/** The chunks in any order, then the merge. */
export interface ChunkedUpload {
  readonly chunks: readonly CurlArguments[];
  readonly merge: CurlArguments;
}

export interface SubjectOptions {
  /** An empty folder on a fresh file system. */
  readonly folder: string;
}

export interface SubjectKind {
  /** For `--servers`; several kinds may share it. */
  readonly id: string;
  readonly name: string;
  /** All that it takes part in; any scenario that it can do when absent. */
  readonly scenarios?: readonly string[] | undefined;
  /** Why it cannot run here, or undefined. */
  obstacle(): string | undefined;
  start(options: SubjectOptions): Promise<Subject>;
}
