import type { ByteRange, ByteSource, Json, ReplayableBody } from './bytes.ts';

/**
 * A storage instance: a plain object made by a driver's factory from validated settings.
 *
 * Every method throws `StowageError` with a code of the channel family (`errors.ts`): `not_found`,
 * `channel_unavailable` (worth a retry: network, 5xx, timeout), `channel_rate_limited` (with
 * `retryAfterMs`), `channel_refused` (the remote will never take this), `channel_unauthorized`,
 * `channel_full`, `too_large`. An aborted `signal` makes a method reject soon and leave nothing
 * behind.
 *
 * **An optional method is an ability.** Retries, pacing, timeouts, splitting into segments,
 * fallback and orphan removal belong to core (`channel-guard.ts`, `store-objects.ts`). A driver
 * makes one call and reports honestly.
 */
export interface Channel {
  readonly limits: ChannelLimits;

  /**
   * True when `put` crosses a network: core then passes bodies that can be opened again
   * (`spool.ts`), and can retry or fall back. A local disk is not remote: a retry does not cure its
   * failures, and it gets the stream as it comes.
   */
  readonly remote: boolean;

  /**
   * Stores the bytes. Resolves only when `get(ref)` would return exactly these bytes; rejects
   * leaving nothing readable behind. A driver may open `body` as often as it needs, a `once` body a
   * single time. An error thrown by what it opens (connection closed, too large) is passed on
   * unchanged. The driver calls the remote once: `channel-guard.ts` repeats what failed, unless the
   * body is `once`.
   */
  put(body: ReplayableBody, options: PutOptions): Promise<PutResult>;

  /**
   * Returns exactly the bytes of `ref`, or of the range (always inside the object). Rejects with
   * `not_found` before the first byte when the object is gone. Ending the iteration early, or
   * aborting, stops the remote read.
   */
  get(ref: Ref, options: GetOptions): Promise<GetResult>;

  /** Idempotent: resolves when the object is gone, also when it never existed. */
  delete(ref: Ref, options: CallOptions): Promise<void>;

  /**
   * Proves the settings and credentials with a real round trip that stores nothing. Throws the
   * problem in the remote's own words.
   */
  check(options: CallOptions): Promise<void>;

  /**
   * What the owner should change in the settings, as learnt since the start; undefined when there
   * is nothing. Shown by the channel test.
   */
  notice?(): string | undefined;

  /**
   * Looks at what must be set up at the store itself, for `doctor`, and sets it up where both
   * `mayChange` and the settings allow it. Never rejects: what could not be checked is a finding.
   */
  inspect?(options: InspectOptions): Promise<readonly Finding[]>;

  /**
   * The ref that `put` with this key will return, for stores that address by key. Core records it
   * before the bytes are sent, so that a crash in between leaves no orphan.
   */
  locate?(key: string): Ref;

  /**
   * For stores that know which of their objects are not confirmed yet (local disk). Core calls
   * `settle` once the row that promises `ref` is committed. At start it reads `unsettled` to find
   * what a crash left over, and deletes what no row promises.
   */
  settle?(ref: Ref): Promise<void>;
  unsettled?(): AsyncIterable<{ readonly ref: Ref; readonly key: string }>;

  /**
   * Number of bytes that `get` would return, without opening the object. For stores that know it at
   * once (local disk), so that a loss shows before the first byte of a response. Rejects with
   * `not_found`.
   */
  size?(ref: Ref): Promise<number>;

  /**
   * The absolute path of the plain file that holds the whole object and nothing more, for a proxy
   * on this machine that reads it by itself. Undefined when `ref` is none of this store's.
   */
  file?(ref: Ref): string | undefined;

  /**
   * Every object of the store that `settle` has confirmed, so that objects without a row can be
   * found.
   */
  list?(): AsyncIterable<ListedObject>;

  /**
   * For storage that several nodes must reach in the same place: returns an id that is stored in
   * that place and created by the first call.
   */
  place?(): Promise<Place>;

  /**
   * For stores on the disk of an embedded database: a small object becomes a row of it
   * (`small-objects.ts`), written by the change that promises it, instead of going through `put`.
   * The other methods take its ref as any other.
   */
  readonly rows?: Rows | undefined;

  readonly multipart?: Multipart;
  readonly presign?: Presign;
  readonly direct?: DirectUpload;

  /** A public address of the object that needs no credentials, when the owner configured one. */
  url?(ref: Ref): string | undefined;

  /** Releases sockets and timers. */
  close?(): Promise<void>;
}

export interface Rows {
  /** Largest object, in bytes. */
  readonly maxBytes: number;
  /** Throws `disk_full` when there is no room for so many bytes. */
  requireRoom(bytes: number): Promise<void>;
}

export interface ListedObject {
  readonly ref: Ref;
  readonly size: number;
  readonly storedAt: number;
}

/**
 * What the driver needs to find the bytes again. Stored verbatim, meaningful to that driver only,
 * free of secrets.
 */
export type Ref = Json;

export interface ChannelLimits {
  /**
   * Largest single `put`, or largest object where `multipart.limits.split` is present, in bytes;
   * absent means unlimited.
   */
  readonly maxBytes?: number;
  /**
   * Present when larger files are stored as segments: sizes in bytes of one `put`. Core cuts
   * segments of `best`.
   */
  readonly segment?: { readonly min: number; readonly best: number; readonly max: number };
  /** A body for `put` has `size` and `sha256`. Core computes them while it spools the body. */
  readonly needsSha256?: true;
  /**
   * Maximum number of operations per second and per minute against the target. Core waits its turn.
   */
  readonly pace?: {
    readonly perSecond?: number | undefined;
    readonly perMinute?: number | undefined;
  };
}

export interface CallOptions {
  readonly signal: AbortSignal;
}

export interface InspectOptions extends CallOptions {
  /** Of the pages that upload straight to the store; `*` means any. */
  readonly origins: readonly string[];
  readonly mayChange: boolean;
}

export interface Finding {
  /** What was looked at, such as `CORS`. */
  readonly topic: string;
  /** False: worth knowing, but the channel works. */
  readonly ok: boolean;
  /** A sentence for the owner. */
  readonly message: string;
}

export interface PutOptions extends CallOptions {
  /**
   * Unique, safe name chosen by core: segments of `[A-Za-z0-9._-]` joined by `/`, at most 200
   * characters, never reused. A driver may store under it, below a prefix of its own.
   */
  readonly key: string;
  readonly contentType: string;
  /** File name for people who look at the remote side. Never used as an address. */
  readonly filename?: string | undefined;
  /** Whether the store may keep a recompressed picture instead. Default false. */
  readonly mayRecompress?: boolean | undefined;
  /**
   * For the caller of a guarded channel: called with every object that was stored in vain and that
   * the backend did not delete.
   */
  readonly onLeftOver?: ((ref: Ref) => void) | undefined;
}

export interface PutResult {
  readonly ref: Ref;
  /** Bytes that `get` will return. */
  readonly size: number;
  /**
   * Only where `mayRecompress` allowed it: the store keeps a recompressed picture, of this
   * size in pixels.
   */
  readonly recompressed?:
    | { readonly width?: number | undefined; readonly height?: number | undefined }
    | undefined;
}

export interface GetOptions extends CallOptions {
  readonly range?: ByteRange | undefined;
}

export interface GetResult {
  readonly stream: ByteSource;
  /** Bytes in `stream`. */
  readonly size: number;
}

/** Where a channel stores its objects, in the driver's terms. */
export interface Place {
  /**
   * Random and stored in that place. Processes that read different ids do not share their storage.
   */
  readonly id: string;
  /** The file that holds it, for messages. */
  readonly where: string;
}

/**
 * Native multipart upload: parts in any order, in parallel, repeatable. Nothing is readable until
 * `finish`.
 */
export interface Multipart {
  /** Bytes; `maxParts` is a count. Every part but the last has at least `minPart`. */
  readonly limits: {
    readonly minPart: number;
    readonly maxPart: number;
    readonly maxParts: number;
    /**
     * Present when core cuts bodies of more than `aboveBytes` into parts of `partBytes`, or larger
     * ones where there would be too many, `parallel` of them at once. A body for `put` then has its
     * `size`.
     */
    readonly split?: {
      readonly aboveBytes: number;
      readonly partBytes: number;
      readonly parallel: number;
    };
  };
  start(options: PutOptions): Promise<Json>;
  /** `number` counts from 1. Sending a number again replaces the part. `body` is as for `put`. */
  part(state: Json, number: number, body: SizedBody, options: CallOptions): Promise<Json>;
  /** `parts` in ascending order of number. Safe to repeat after a lost response. */
  finish(
    state: Json,
    parts: readonly { readonly number: number; readonly part: Json; readonly size: number }[],
    options: CallOptions,
  ): Promise<PutResult>;
  /** Idempotent. */
  abort(state: Json, options: CallOptions): Promise<void>;
}

export type SizedBody = ReplayableBody & { readonly size: number };

/** Uploads that go from the client straight to the store. */
export interface Presign {
  /**
   * True when only clients that ask for it are sent to the store, because the store does not take
   * what every client sends. Other clients use the relay.
   */
  readonly onRequest?: boolean;
  /**
   * False when the store never takes such a file (type or size), on any path. Absent: it takes all.
   */
  accepts?(file: Pick<PresignOptions, 'contentType' | 'size'>): boolean;
  /**
   * Undefined when this store does not take such a file (type or size). Core then tries another
   * channel.
   */
  start(options: PresignOptions): Promise<PresignedUpload | undefined>;
  /** What has arrived so far, or undefined. */
  head(state: Json, options: CallOptions): Promise<PresignedArrival | undefined>;
  /**
   * Moves what has arrived out of reach of the upload address, which may still work. Afterwards it
   * is stored under `key`. Fails with `conflict` when the arrival is no longer the one that `head`
   * returned. Absent where an address works only once.
   */
  finish?(
    arrival: PresignedArrival,
    options: CallOptions & { readonly key: string; readonly contentType: string },
  ): Promise<PutResult>;
  /** Removes what has arrived and stops further uploads where the store can. Idempotent. */
  abort(state: Json, options: CallOptions): Promise<void>;
}

export interface PresignOptions extends CallOptions {
  readonly key: string;
  readonly contentType: string;
  readonly filename: string;
  readonly size?: number | undefined;
  readonly sha256?: string | undefined;
  readonly expiresInSeconds: number;
}

export interface PresignedUpload {
  readonly method: 'PUT' | 'POST';
  readonly url: string;
  /** Every header the client must send (PUT). */
  readonly headers: Readonly<Record<string, string>>;
  /** Multipart field name (POST). */
  readonly fieldName?: string;
  /**
   * When the address stops working, where the store decides that. Otherwise it lives as long as
   * requested.
   */
  readonly expiresAt?: number;
  /** State for `head` and `abort`; free of secrets. */
  readonly state: Json;
}

export interface PresignedArrival extends PutResult {
  /** Changes with the bytes (an ETag). */
  readonly version?: string | undefined;
  readonly contentType?: string | undefined;
  /** Its first bytes, where `head` fetched them anyway. */
  readonly start?: Uint8Array | undefined;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
}

/**
 * Hugging Face: the client hashes the file and uploads to LFS storage itself. A commit then makes
 * it readable.
 */
export interface DirectUpload {
  /** `owner/name`, shown to the client. */
  readonly repo: string;
  readonly isPrivate: boolean;
  start(options: DirectStart): Promise<DirectPlan>;
  /**
   * Finishes the store's own multipart upload for browsers that cannot. `target` is the address
   * that the store returned.
   */
  completeMultipart(target: string, body: Json, options: CallOptions): Promise<Json>;
  /**
   * Verifies at the store that exactly these bytes arrived, then makes them readable. Safe to
   * repeat.
   */
  commit(state: Json, options: CallOptions): Promise<PutResult & { readonly url: string }>;
}

export interface DirectStart extends CallOptions {
  readonly key: string;
  readonly contentType: string;
  readonly size: number;
  readonly sha256: string;
  /** The first bytes of the file, at most 512. */
  readonly sample: Uint8Array;
}

export interface DirectPlan {
  /** Path inside the repository. */
  readonly filePath: string;
  readonly needsLfs: boolean;
  /** The store already has the bytes: nothing to upload, commit at once. */
  readonly alreadyExists: boolean;
  /** Where and how to upload. `header` values are strings. Absent when nothing needs uploading. */
  readonly uploadAction?: {
    readonly href: string;
    readonly header: Readonly<Record<string, string>>;
  };
  /** For `commit`; kept by the server, free of secrets. */
  readonly state: Json;
}
