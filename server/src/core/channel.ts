import type { ByteRange, ByteSource, Json } from './bytes.ts';

/**
 * A storage instance: a plain object made by a driver's factory from validated settings.
 *
 * Every method throws `StowageError` with a code of the channel family (`errors.ts`): `not_found`,
 * `channel_unavailable` (worth a retry: network, 5xx, time-out), `channel_rate_limited` (with
 * `retryAfterMs`), `channel_refused` (the remote will never take this), `channel_unauthorized`,
 * `channel_full`, `too_large`. An aborted `signal` makes a method reject soon and leave nothing
 * behind.
 *
 * **An optional method is an ability.** Retries, pacing, time-outs, splitting into segments,
 * fallback and orphan removal are core's business (`channel-guard.ts`, `store-objects.ts`): a
 * driver does one call and reports honestly.
 */
export interface Channel {
  readonly limits: ChannelLimits;

  /**
   * True when `put` crosses a network, so that core keeps a replayable copy (`spool.ts`) of what it
   * streams and can try again or fall back. A local disk is not remote: its failures are not cured
   * by a retry.
   */
  readonly remote: boolean;

  /**
   * Stores the bytes. Resolves only when `get(ref)` would return exactly them; rejects leaving
   * nothing readable behind. `source` is read once, from the start. An error thrown by `source`
   * (caller hung up, too large) is passed on as it is.
   */
  put(source: ByteSource, options: PutOptions): Promise<PutResult>;

  /**
   * Exactly the bytes of `ref`, or of the range (always inside the object). Rejects with
   * `not_found` before the first byte when the object is gone. Breaking off the iteration, or
   * aborting, stops the remote read.
   */
  get(ref: Ref, options: GetOptions): Promise<GetResult>;

  /** Idempotent: resolves when the object is gone, also when it never was there. */
  delete(ref: Ref, options: CallOptions): Promise<void>;

  /**
   * Proves the settings and credentials with a real round trip that stores nothing. Throws what is
   * wrong, in the remote's own words.
   */
  check(options: CallOptions): Promise<void>;

  /**
   * What the owner should change in the settings, as found out since the start; undefined when
   * nothing. Shown by the channel test.
   */
  notice?(): string | undefined;

  /**
   * The ref that `put` with this key will answer, for stores that address by key. Core writes it
   * down before the bytes go out, so that a crash in between leaves no orphan.
   */
  locate?(key: string): Ref;

  /**
   * For stores that can find by themselves which objects are not confirmed yet (local disk): core
   * calls `settle` once the row that promises `ref` is committed, and at start asks `unsettled` for
   * what a crash left over, to delete what no row promises.
   */
  settle?(ref: Ref): Promise<void>;
  unsettled?(): AsyncIterable<{ readonly ref: Ref; readonly key: string }>;

  /**
   * Bytes that `get` would return, without opening the object: for stores that tell it in no time
   * (local disk), so that a loss shows before the first byte of an answer. Rejects with
   * `not_found`.
   */
  size?(ref: Ref): Promise<number>;

  /** Every object of the store that `settle` has confirmed, to find those that no row knows. */
  list?(): AsyncIterable<ListedObject>;

  /**
   * For storage that several nodes must reach in the same place: returns an id that is kept in that
   * place and made at the first call.
   */
  place?(): Promise<Place>;

  readonly multipart?: Multipart;
  readonly presign?: Presign;
  readonly direct?: DirectUpload;

  /** A public address of the object that needs no credentials, when the owner configured one. */
  url?(ref: Ref): string | undefined;

  /** Lets go of sockets and timers. */
  close?(): Promise<void>;
}

export interface ListedObject {
  readonly ref: Ref;
  readonly size: number;
  readonly storedAt: number;
}

/**
 * What the driver wrote to find the bytes again; stored verbatim, meaningful to that driver only,
 * free of secrets.
 */
export type Ref = Json;

export interface ChannelLimits {
  /** Largest single `put`, in bytes; absent means unlimited. */
  readonly maxBytes?: number;
  /**
   * Present when larger files are stored as segments: sizes in bytes of one `put`. `best` is what
   * core cuts.
   */
  readonly segment?: { readonly min: number; readonly best: number; readonly max: number };
  /** `put` needs `size` and `sha256`: core computes them while it spools the body. */
  readonly needsSha256?: true;
  /** Maximum of operations per second and per minute against the target; core waits its turn. */
  readonly pace?: { readonly perSecond?: number; readonly perMinute?: number };
}

export interface CallOptions {
  readonly signal: AbortSignal;
}

export interface PutOptions extends CallOptions {
  /**
   * Unique, safe name chosen by core: segments of `[A-Za-z0-9._-]` joined by `/`, at most 200
   * characters, never reused. A driver may store under it, below a prefix of its own.
   */
  readonly key: string;
  readonly contentType: string;
  /** File name for people looking at the remote side; never used as an address. */
  readonly filename?: string;
  /** Exact number of bytes in `source`, when known before the first of them goes out. */
  readonly size?: number;
  /** Hex SHA-256 of `source` when known. */
  readonly sha256?: string;
  /** Upload API `serverCompress`: the store may recompress a picture (Telegram). Default false. */
  readonly compress?: boolean;
  /**
   * A sign of life: drivers that take more from `source` than they have sent call it whenever bytes
   * have gone out, so that a slow line is not taken for a silent backend.
   */
  readonly onProgress?: () => void;
}

export interface PutResult {
  readonly ref: Ref;
  /** Bytes that `get` will return. */
  readonly size: number;
  /**
   * Only where `compress` allowed it: the store keeps another picture than was sent, of this size
   * in pixels.
   */
  readonly recompressed?:
    | { readonly width?: number | undefined; readonly height?: number | undefined }
    | undefined;
}

export interface GetOptions extends CallOptions {
  readonly range?: ByteRange;
}

export interface GetResult {
  readonly stream: ByteSource;
  /** Bytes in `stream`. */
  readonly size: number;
}

/** Where a channel stores, in its own words. */
export interface Place {
  /** Random, kept there: processes that read different ones do not share their storage. */
  readonly id: string;
  /** The file that holds it, for people. */
  readonly where: string;
}

/**
 * Native multipart: parts in any order, in parallel, repeatable; nothing readable until `finish`.
 */
export interface Multipart {
  /** Bytes; `maxParts` is a count. Every part but the last has at least `minPart`. */
  readonly limits: {
    readonly minPart: number;
    readonly maxPart: number;
    readonly maxParts: number;
  };
  start(options: PutOptions): Promise<Json>;
  /** `number` counts from 1; sending a number again replaces it. `size` is exact. */
  part(
    state: Json,
    number: number,
    source: ByteSource,
    options: CallOptions & { readonly size: number },
  ): Promise<Json>;
  /** For stores that take parts straight from a client: where it sends one, by PUT. */
  presignPart?(
    state: Json,
    number: number,
    options: CallOptions & { readonly size: number; readonly expiresInSeconds: number },
  ): Promise<PresignedPart>;
  /** `parts` in ascending order of number. Safe to repeat after an answer was lost. */
  finish(
    state: Json,
    parts: readonly { readonly number: number; readonly part: Json; readonly size: number }[],
    options: CallOptions,
  ): Promise<PutResult>;
  /** Idempotent. */
  abort(state: Json, options: CallOptions): Promise<void>;
}

export interface PresignedPart {
  readonly url: string;
  /** Every header the client must send. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * The part that `finish` takes, from the headers of the store's answer. Throws `bad_request` when
   * they are not such.
   */
  partOf(answer: Headers): Json;
}

/** Uploads that go from the client straight to the store. */
export interface Presign {
  /**
   * True when only clients that ask for it are sent to the store, because it does not take what
   * every client sends. Others use the relay.
   */
  readonly onRequest?: boolean;
  /**
   * False when the store does not take such a file (type or size), by whatever way. Absent: it
   * takes all.
   */
  accepts?(file: Pick<PresignOptions, 'contentType' | 'size'>): boolean;
  /**
   * Undefined when this store does not take such a file (type or size); core then takes another
   * channel.
   */
  start(options: PresignOptions): Promise<PresignedUpload | undefined>;
  /** What arrived so far, or undefined. */
  head(state: Json, options: CallOptions): Promise<PresignedArrival | undefined>;
  /**
   * Takes what arrived out of reach of the upload address, which may still work: afterwards it is
   * stored under `key`. Fails with `conflict` when the arrival is no longer the one that was looked
   * at. Absent where an address works once only.
   */
  finish?(
    arrival: PresignedArrival,
    options: CallOptions & { readonly key: string; readonly contentType: string },
  ): Promise<PutResult>;
  /** Removes whatever arrived and stops further uploads where the store can. Idempotent. */
  abort(state: Json, options: CallOptions): Promise<void>;
}

export interface PresignOptions extends CallOptions {
  readonly key: string;
  readonly contentType: string;
  readonly filename: string;
  readonly size?: number;
  readonly sha256?: string;
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
   * When the address stops working, where the store sets that itself; otherwise it lives as long as
   * was asked for.
   */
  readonly expiresAt?: number;
  /** Whatever `head` and `abort` need; free of secrets. */
  readonly state: Json;
}

export interface PresignedArrival extends PutResult {
  /** Another one for other bytes (an ETag). */
  readonly version?: string;
  readonly contentType?: string;
  /** Its first bytes, where they came along. */
  readonly start?: Uint8Array;
  readonly width?: number;
  readonly height?: number;
}

/**
 * Hugging Face: the client hashes the file, uploads to LFS storage itself, then a commit makes it
 * readable.
 */
export interface DirectUpload {
  /** `owner/name`, shown to the client. */
  readonly repo: string;
  readonly isPrivate: boolean;
  start(options: DirectStart): Promise<DirectPlan>;
  /**
   * Finishes the store's own multipart upload for browsers that cannot; `target` is the address the
   * store gave.
   */
  completeMultipart(target: string, body: Json, options: CallOptions): Promise<Json>;
  /**
   * Checks at the store that exactly these bytes arrived, then makes them readable. Safe to repeat.
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
  /** The store has the bytes: nothing to upload, commit at once. */
  readonly alreadyExists: boolean;
  /** Where and how to upload; `header` values are strings. Absent when nothing needs uploading. */
  readonly uploadAction?: {
    readonly href: string;
    readonly header: Readonly<Record<string, string>>;
  };
  /** For `commit`; kept by the server, free of secrets. */
  readonly state: Json;
}
