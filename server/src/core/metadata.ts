import type { Json } from './bytes.ts';
import type { Ref } from './channel.ts';

/**
 * The one place for everything Stowage knows about files, uploads, tokens and pending work.
 *
 * Every method is one transaction. It resolves only when the change survives `kill -9` (and, with
 * SQLite's default `full` durability or PostgreSQL, power loss). Times are milliseconds since the
 * epoch, ids are UUIDs (v7) made by core unless stated otherwise. Rejects with
 * `service_unavailable` when the database cannot be reached. A change is never half done, but a
 * rejected one may have been made, if the connection or the disk failed at its very end. So a
 * caller must not undo it: whatever would undo it must be a job that the change itself clears.
 * Every method refuses text with U+0000 or a lone surrogate with `bad_request`; JSON may hold both.
 * An id that is taken is a `conflict`.
 */
export interface MetadataStore {
  readonly files: FileStore;
  readonly uploads: UploadStore;
  readonly tokens: TokenStore;
  readonly channels: ChannelStore;
  readonly jobs: JobStore;
  readonly idempotency: IdempotencyStore;
  readonly settings: SettingStore;
  readonly replicas: ReplicaStore;
  readonly leases: LeaseStore;
  /**
   * Brings the schema up to date; safe when several nodes start at once. Returns the names of the
   * migrations it ran.
   */
  migrate(): Promise<readonly string[]>;
  /**
   * What `migrate` would run. Changes nothing; rejects as it does for a database that newer code
   * wrote.
   */
  pendingMigrations(): Promise<readonly string[]>;
  /**
   * Resolves when all that was read so far is as durable as a change. A change whose write to the
   * disk failed, or is still under way, can be read already. A step that promises something because
   * of what it read, such as the repeated result of an earlier step, waits for this. Costs nothing
   * when nothing is under way. `anew` asks the disk in any case, for promises that something is
   * *not* there, which a dying disk may be wrong about.
   */
  settled(options?: { readonly anew?: boolean }): Promise<void>;
  /**
   * A quick look, beside all queries under way, at whether the database responds and can be
   * written. Changes nothing.
   */
  check(): Promise<void>;
  /**
   * The time of the database, where several nodes share it. Absent: the clock of this process is
   * the only one.
   */
  time?(): Promise<number>;
  close(): Promise<void>;
}

/** One object on a channel. `hash` is the hex BLAKE3 of its bytes. */
export interface Segment {
  readonly ref: Ref;
  readonly size: number;
  readonly hash: string;
}

/** Immutable bytes. */
export interface Blob {
  readonly id: string;
  readonly size: number;
  /**
   * Hex BLAKE3 of all bytes; for a blob merged from parts the BLAKE3 over the parts' hashes, then
   * `-` and their number (as S3 does).
   */
  readonly hash: string;
  readonly sha256: string | null;
  readonly createdAt: number;
}

/** A copy of a blob on one channel, as an ordered list of objects. */
export interface Replica {
  readonly blobId: string;
  readonly channelId: string;
  readonly segments: readonly Segment[];
  /**
   * `missing`: not found when it was looked at last; reads still try it, after the others.
   * `damaged`: other bytes than were stored; never read again until a later look finds them right
   * or a repair replaces them.
   */
  readonly state: 'ok' | 'missing' | 'damaged';
}

export type ListType = 'None' | 'Block' | 'White';

/** A name in the library. */
export interface FileRecord {
  readonly id: string;
  /** `folder/name.ext`, without a leading slash; unique. */
  readonly path: string;
  /** `''` for the root, otherwise `a/b`. */
  readonly folder: string;
  /** The name the caller gave, unsanitised: for display and downloads. */
  readonly filename: string;
  readonly blobId: string;
  readonly contentType: string;
  readonly size: number;
  readonly width: number | null;
  readonly height: number | null;
  readonly durationSeconds: number | null;
  readonly tags: readonly string[];
  readonly listType: ListType;
  readonly label: string;
  /** Token id, or null for an auth code or an anonymous caller. */
  readonly uploader: string | null;
  readonly ip: string | null;
  /**
   * The path was made up by the server: it is this file's for all time, and no other's once this
   * one is gone, so that caches may hold it for ever. A path that a caller chose is free again
   * after a deletion.
   */
  readonly givenOnce: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A file with what is needed to send its bytes. */
export interface StoredFile {
  readonly file: FileRecord;
  readonly blob: Blob;
  readonly replicas: readonly Replica[];
}

export type Category = 'image' | 'video' | 'audio' | 'document' | 'other';

export interface FileQuery {
  readonly category?: Category;
  readonly limit: number;
  readonly offset: number;
  /**
   * Only files behind this one; then `offset` does not count. Costs the same however far it is, and
   * no file is missed or shown twice meanwhile.
   */
  readonly after?: FilePosition;
}

/** The place of a file in the order of lists. */
export type FilePosition = Pick<FileRecord, 'createdAt' | 'id'>;

export interface NewFile {
  readonly file: Omit<FileRecord, 'path' | 'folder' | 'blobId' | 'size'>;
  readonly blob: Blob;
  readonly replica: Replica;
  /**
   * The path to try at the `attempt`th time (0, 1, 2, ...); the first one that is free and not
   * spent is claimed atomically. Undefined ends the search with `conflict`. Called inside the
   * transaction: pure and quick.
   */
  readonly path: (attempt: number) => string | undefined;
  /** Jobs that are void once the file is there (clean-up written before the bytes were). */
  readonly clearsJobs?: readonly string[];
  /** New work that the change brings. */
  readonly addsJobs?: readonly NewJob[];
  /**
   * The upload this file comes from: becomes `done` with this `result` in the same transaction, if
   * its version still is `version`.
   */
  readonly upload?: { readonly id: string; readonly version: number; readonly result: Json };
}

export interface FileStore {
  /**
   * Undefined when `upload` was given and is no longer at that version (another request changed or
   * finished it): nothing is written.
   */
  add(input: NewFile): Promise<StoredFile | undefined>;
  get(id: string): Promise<StoredFile | undefined>;
  getByPath(path: string): Promise<StoredFile | undefined>;
  /** Newest first. `total` counts all that match. */
  list(
    query: FileQuery,
  ): Promise<{ readonly items: readonly FileRecord[]; readonly total: number }>;
  /**
   * Removes the file; a path that is given once is spent from then on. When no other file points to
   * its blob, the blob and its replicas too, adding for every segment the job that `cleanup` makes.
   * False when there was no such file.
   */
  remove(id: string, cleanup: (channelId: string, segment: Segment) => NewJob): Promise<boolean>;
  /**
   * Whether a blob, a received upload or a stored upload part with this storage id (a blob id or a
   * part id) exists.
   */
  knowsStorageId(id: string): Promise<boolean>;
  /**
   * Whether a file has the bytes with this SHA-256 (lower-case hex), as far as their SHA-256 is
   * known; with `by`, one of that uploader on that channel.
   */
  holdsSha256(
    sha256: string,
    by?: { readonly uploader: string; readonly channelId: string },
  ): Promise<boolean>;
  /** Bytes and number of blobs on a channel, from counters kept with every change (no scan). */
  usage(channelId: string): Promise<{ readonly bytes: number; readonly blobs: number }>;
}

export type UploadKind = 'presigned' | 'chunked' | 'direct' | 'import';

/**
 * An unfinished intake. `open` takes bytes, `failed` may be taken up again, `done` has produced a
 * file, `aborted` takes nothing any more. Done uploads stay until `expiresAt`, so that a repeated
 * last step gets the same answer.
 */
export interface Upload {
  readonly id: string;
  readonly kind: UploadKind;
  readonly state: 'open' | 'failed' | 'done' | 'aborted';
  /** Grows by one with every change of this row. */
  readonly version: number;
  /**
   * Who may continue it: a token id, or `authCode:...`/`anonymous` as `core/access/access.ts` names
   * callers.
   */
  readonly owner: string;
  readonly channelId: string;
  /** What the kind needs to know, written and read by its core module only. */
  readonly details: Json;
  /** A storage id (blob id to be) whose bytes have been received, known to `knowsStorageId`. */
  readonly storageId: string | null;
  /** The answer of the step that finished it. */
  readonly result: Json;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** What it will be, for kinds that know. */
  readonly category: Category | null;
  /** Bytes that it will bring in one piece, as far as known; 0 otherwise. */
  readonly expectedBytes: number;
}

/** What may change in an upload. Absent keeps the value. */
export type UploadPatch = Partial<
  Pick<
    Upload,
    'state' | 'channelId' | 'details' | 'storageId' | 'result' | 'expiresAt' | 'expectedBytes'
  >
>;

/** One part of a chunked upload. */
/**
 * What became of a part. `accepted`: it is written and nothing has to be removed, or it is pending
 * and a stored one stands in its place. `replaced`: it is written, and the bytes of `part`, of
 * another attempt, are the caller's to remove. `refused`: nothing is written, because the upload is
 * not open, or because another attempt is coming in where this one would be stored.
 */
export type PartOutcome =
  | { readonly outcome: 'accepted' }
  | { readonly outcome: 'replaced'; readonly part: UploadPart }
  | { readonly outcome: 'refused' };

export interface UploadPart {
  readonly uploadId: string;
  /** 0-based. */
  readonly index: number;
  /** `pending` while its bytes are coming in: then `segments` is empty. */
  readonly state: 'pending' | 'stored';
  /** A new one for every attempt; objects of the part are stored under it. */
  readonly storageId: string;
  readonly size: number;
  readonly segments: readonly Segment[];
  /** What `Multipart.part` returned, when the part went into a native multipart upload. */
  readonly native: Json;
  readonly hash: string;
  readonly updatedAt: number;
}

/** How many open uploads an owner may have. */
export interface OpenUploadLimit {
  readonly max: number;
  /** How many of them may have been begun from one network, and which one this is. */
  readonly network?: { readonly name: string; readonly max: number };
}

export interface PartOptions {
  /** Void once the part is written. */
  readonly clearsJobs?: readonly string[];
  /**
   * Fails with `too_large` when all stored parts would have more bytes together: nothing is
   * written.
   */
  readonly maxBytes?: number;
}

export interface UploadStore {
  /**
   * False when the owner has as many open uploads, of all kinds together, as `limit` allows:
   * nothing is written. Exact, however many begin at once on however many nodes.
   */
  add(upload: Upload, limit?: OpenUploadLimit): Promise<boolean>;
  get(id: string): Promise<Upload | undefined>;
  /** Newest first. */
  list(query: {
    readonly kinds: readonly UploadKind[];
    readonly states: readonly Upload['state'][];
    readonly owner?: string;
    readonly category?: Category;
    readonly limit: number;
    readonly offset: number;
  }): Promise<{ readonly items: readonly Upload[]; readonly total: number }>;
  /**
   * Compare and swap: applies the patch if the version is still `version` and returns the new row;
   * otherwise undefined, and nothing is written.
   */
  update(
    id: string,
    version: number,
    patch: UploadPatch,
    jobs?: { readonly adds?: readonly NewJob[]; readonly clears?: readonly string[] },
  ): Promise<Upload | undefined>;
  /**
   * Writes a part, replacing the one with its index, while the upload is `open`; `expiresAt` of the
   * upload is moved to `extendTo` when that is later. A `pending` part never replaces a `stored`
   * one, and a part is stored only over its own `pending` row, a stored row or none. Replacing a
   * `stored` part of another attempt bumps the upload's version in the same transaction (so that a
   * merge that has read the old one starts over); nothing else here does.
   */
  putPart(part: UploadPart, extendTo: number, options?: PartOptions): Promise<PartOutcome>;
  /** Bytes of the stored parts, that of this index left out. */
  receivedBytes(uploadId: string, exceptIndex: number): Promise<number>;
  /** Ascending by index. */
  parts(uploadId: string): Promise<readonly UploadPart[]>;
  /**
   * Removes the pending row of an attempt that failed; nothing when it has been replaced meanwhile.
   */
  dropPendingPart(uploadId: string, storageId: string): Promise<void>;
  /**
   * Removes the upload and its parts if its version still is `version`, adding `jobs` in the same
   * transaction. False when it was not.
   */
  remove(id: string, version: number, jobs: readonly NewJob[]): Promise<boolean>;
  /** Uploads of any state with `expiresAt` before `now`, oldest first. */
  expired(now: number, limit: number): Promise<readonly Upload[]>;
  /**
   * Bytes that open uploads have brought, or will bring, to a channel without being files yet.
   * Those of which nothing has come count only while they expire after `expiringAfter`.
   */
  reservedBytes(channelId: string, expiringAfter: number): Promise<number>;
  /** Open uploads of an owner, of all kinds. */
  countOpen(owner: string): Promise<number>;
}

export type Permission = 'upload' | 'list' | 'delete' | 'manage';

export interface TokenRecord {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  /** Hex SHA-256 of the token; the token itself is stored nowhere. */
  readonly hash: string;
  /** First characters of the token, for people to recognise it. */
  readonly prefix: string;
  readonly permissions: readonly Permission[];
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly expiresAt: number | null;
  /** Remove the row once expired. */
  readonly autoDelete: boolean;
  readonly lastUsedAt: number | null;
}

export interface TokenStore {
  add(token: TokenRecord): Promise<void>;
  /** Adds it when there is none at all. Of several callers at once, one gets true. */
  addFirst(token: TokenRecord): Promise<boolean>;
  /**
   * Writes it over the row of its id. Where its hash is known already, that row gets its
   * `expiresAt` and nothing else changes.
   */
  put(token: TokenRecord): Promise<void>;
  get(id: string): Promise<TokenRecord | undefined>;
  findByHash(hash: string): Promise<TokenRecord | undefined>;
  /** Oldest first. */
  list(): Promise<readonly TokenRecord[]>;
  update(
    id: string,
    patch: Partial<
      Pick<TokenRecord, 'name' | 'permissions' | 'expiresAt' | 'autoDelete' | 'updatedAt'>
    >,
  ): Promise<TokenRecord | undefined>;
  remove(id: string): Promise<boolean>;
  /** Notes the last use; may be lost in a crash. */
  touch(id: string, at: number): Promise<void>;
  /** Removes tokens with `autoDelete` that expired before `now`. */
  removeExpired(now: number): Promise<number>;
}

export interface ChannelRecord {
  /** Given once, at first sight of the name, and never changed. */
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly createdAt: number;
}

export interface ChannelStore {
  /** The record of this type and name, made with `id` when there is none yet. */
  ensure(record: ChannelRecord): Promise<ChannelRecord>;
  list(): Promise<readonly ChannelRecord[]>;
}

export interface NewJob {
  readonly id: string;
  readonly kind: string;
  readonly payload: Json;
  readonly runAt: number;
}

export interface Job extends NewJob {
  /** Times it was claimed, this one included. */
  readonly attempts: number;
  readonly lastError: string | null;
}

/** A job that one process works on; `runAt` is the end of its lease. */
export interface ClaimedJob extends Job {
  readonly lease: string;
}

/** Of a claimed job. A later claim of the same job has another one. */
export type JobLease = Pick<ClaimedJob, 'id' | 'lease'>;

export interface JobStore {
  add(jobs: readonly NewJob[]): Promise<void>;
  /**
   * Takes up to `limit` due jobs for `leaseMs`; no two callers get the same job while its lease
   * lasts.
   */
  claim(options: {
    readonly now: number;
    readonly leaseMs: number;
    readonly limit: number;
    readonly kinds: readonly string[];
  }): Promise<readonly ClaimedJob[]>;
  /** Extends these leases. Returns the ids of those that are still held. */
  renew(leases: readonly JobLease[], until: number): Promise<readonly string[]>;
  /** Removes a job that is done; nothing when its lease was lost. */
  finish(lease: JobLease): Promise<void>;
  /** Gives a job back, to run at `runAt`; nothing when its lease was lost. */
  postpone(lease: JobLease, runAt: number, error: string): Promise<void>;
  /**
   * Makes every claimed job due at `now`: for the one process of a database, at its start. Returns
   * how many.
   */
  giveBack(now: number): Promise<number>;
  /** Removes jobs that have become void, whether they are claimed or not. */
  done(ids: readonly string[]): Promise<void>;
  /** Moves a job that is not claimed here to `runAt`. */
  retry(id: string, runAt: number, error: string): Promise<void>;
  /** Jobs not done yet, oldest first: what can't be deleted is shown, not forgotten. */
  list(options: { readonly limit: number; readonly minAttempts?: number }): Promise<readonly Job[]>;
  /** Jobs not done yet that were tried at least so often. */
  count(minAttempts?: number): Promise<number>;
}

export interface IdempotencyStore {
  /**
   * Claims the key, or returns what is known of it. A claim older than `claimMs` without an answer
   * may be claimed again.
   */
  begin(entry: {
    readonly owner: string;
    readonly key: string;
    readonly requestHash: string;
    readonly now: number;
    readonly claimMs: number;
    readonly expiresAt: number;
  }): Promise<
    | { readonly state: 'claimed' }
    | { readonly state: 'in_flight'; readonly requestHash: string }
    | { readonly state: 'done'; readonly requestHash: string; readonly response: Json }
  >;
  /** Keeps the answer of a claimed key until `expiresAt`. */
  finish(owner: string, key: string, response: Json, expiresAt: number): Promise<void>;
  /** Lets go of a claim whose request failed, so that it can be tried again. */
  release(owner: string, key: string): Promise<void>;
  removeExpired(now: number): Promise<number>;
}

export interface SettingStore {
  get(name: string): Promise<Json | undefined>;
  set(name: string, value: Json): Promise<void>;
  /** Returns the value that is stored afterwards: the old one when there was one. */
  setIfAbsent(name: string, value: Json): Promise<Json>;
}

/**
 * A replica with the time at which its bytes were last read and compared; null when they never
 * were.
 */
export interface CheckedReplica extends Replica {
  readonly verifiedAt: number | null;
}

/** What a look at a replica found. */
export interface ReplicaFinding extends Pick<Replica, 'blobId' | 'channelId' | 'state'> {
  readonly verifiedAt: number;
}

/** Names one replica. */
export type ReplicaKey = Pick<Replica, 'blobId' | 'channelId'>;

export interface ReplicaStore {
  /** Replicas on these channels in the order of blob and channel, those behind `after`. */
  page(query: {
    readonly channelIds: readonly string[];
    readonly after?: ReplicaKey | undefined;
    readonly limit: number;
  }): Promise<readonly CheckedReplica[]>;
  /** All copies of a blob. */
  ofBlob(blobId: string): Promise<readonly Replica[]>;
  /** Records what was found. Returns how many of the replicas are still there. */
  mark(findings: readonly ReplicaFinding[]): Promise<number>;
  /**
   * Puts new objects in the place of those of `old` and calls the replica `ok`, adding and clearing
   * jobs in the same transaction. False when the row is gone or has other objects by now: nothing
   * is written.
   */
  replace(
    old: Replica,
    replacement: {
      readonly segments: readonly Segment[];
      readonly verifiedAt: number;
      readonly addsJobs: readonly NewJob[];
      readonly clearsJobs: readonly string[];
    },
  ): Promise<boolean>;
  /** Of the files that consist of a blob. */
  pathsOf(blobId: string): Promise<readonly string[]>;
  /** How many are not `ok`. */
  countBroken(): Promise<number>;
}

/**
 * What one process at a time may do, or what all keep off while one does it. Ends by itself: a
 * process that dies holds nothing for long.
 */
export interface LeaseStore {
  /** True when `owner` has the lease until `until`: it was free or expired, or was its own. */
  take(lease: {
    readonly name: string;
    readonly owner: string;
    readonly now: number;
    readonly until: number;
  }): Promise<boolean>;
  /** Nothing happens when another owner has it. */
  release(name: string, owner: string): Promise<void>;
  isHeld(name: string, now: number): Promise<boolean>;
}
