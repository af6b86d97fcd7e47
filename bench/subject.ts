/**
 * A server under test, running on a file system of its own. An absent method is something it cannot
 * do.
 */
export interface Subject {
  readonly name: string;
  /** Its first process; children count as well. */
  readonly pid: number;
  /** One upload of the file as a raw body: arguments for curl. */
  rawUpload?(file: string): Promise<readonly string[]>;
  /** One upload of the file as a multipart form. */
  formUpload?(file: string): Promise<readonly string[]>;
  /** One upload of a video in these chunks, each a file. */
  chunkedUpload?(chunks: readonly string[]): Promise<ChunkedUpload>;
  /**
   * Stores pictures by presigned upload, all but the last step: arguments of that for curl, for
   * each.
   */
  presigned?(picture: string, count: number): Promise<readonly (readonly string[])[]>;
  /** Uploads of 10 KiB, one file each. */
  readonly smallUpload?: Load;
  readonly presign?: Load;
  /** Stores a file by whatever way, and answers where it can be read. */
  store(file: string): Promise<string>;
  stop(): Promise<void>;
}

/** Arguments for curl: the chunks in any order, then the merge. */
export interface ChunkedUpload {
  readonly chunks: readonly (readonly string[])[];
  readonly merge: readonly string[];
}

/** What `wrk` sends; see `load/requests.lua`. */
export interface Load {
  readonly url: string;
  readonly mode: 'put' | 'form' | 'tus' | 'json' | 'get';
  readonly headers?: Readonly<Record<string, string>>;
  /** Bearer tokens that requests take in turn. */
  readonly tokens?: readonly string[];
  /** Body of `json`; paths of `get`, one a line. */
  readonly text?: string;
}

export interface SubjectOptions {
  /** An empty folder on a fresh file system. */
  readonly folder: string;
}

export interface SubjectKind {
  readonly name: string;
  /** All that it takes part in; any scenario when absent. */
  readonly scenarios?: readonly string[];
  /** Why it cannot run here, or undefined. */
  obstacle(): string | undefined;
  start(options: SubjectOptions): Promise<Subject>;
}
