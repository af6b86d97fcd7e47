import type { AddressStore } from './address-store.ts';
import type { Json } from './bytes.ts';
import type { Ref } from './channel.ts';
import type { FolderStore } from './folder-store.ts';
import type { LibraryStore } from './library-store.ts';
import type { RecordStore } from './record-store.ts';
import type { SmallObjectStore } from './small-objects.ts';

/**
 * The one place for everything Stowage knows about files, uploads, tokens and pending work.
 *
 * Every method is one transaction. It resolves only when the change survives `kill -9` (and, with
 * SQLite's default `full` durability or PostgreSQL, power loss). Times are milliseconds since the
 * epoch, ids are UUIDs (v7) made by core unless stated otherwise.
 *
 * Every method rejects with `service_unavailable` when the database cannot be reached. A change is
 * never half done. A rejected change may have been made nevertheless, if the connection or the disk
 * failed at its very end. So a caller must not undo it directly: it leaves that to a job which the
 * change itself clears. Every method refuses text with U+0000 or a lone surrogate with
 * `bad_request`; JSON may hold both. An id that is taken is a `conflict`.
 */
export interface MetadataStore {
  readonly files: FileStore;
  readonly library: LibraryStore;
  readonly uploads: UploadStore;
  readonly tokens: TokenStore;
  readonly accounts: AccountStore;
  readonly sessions: SessionStore;
  readonly channels: ChannelStore;
  readonly jobs: JobStore;
  readonly idempotency: IdempotencyStore;
  readonly settings: SettingStore;
  readonly replicas: ReplicaStore;
  readonly leases: LeaseStore;
  readonly addresses: AddressStore;
  readonly records: RecordStore;
  /** Absent where small objects do not belong in the database: several nodes share it. */
  readonly smallObjects?: SmallObjectStore | undefined;
  readonly folders: FolderStore;
  /**
   * Brings the schema up to date. Safe when several nodes start at once. Returns the names of the
   * migrations it ran.
   */
  migrate(): Promise<readonly string[]>;
  /**
   * The migrations that `migrate` would run. Changes nothing. Rejects, as `migrate` does, for a
   * database that newer code wrote.
   */
  pendingMigrations(): Promise<readonly string[]>;
  /**
   * Resolves when everything read so far is as durable as a change. A change whose write to the
   * disk failed or is still in progress can already be read. A step that promises something because
   * of what it read, such as the repeated result of an earlier step, must wait for this. Costs
   * nothing when no write is in progress. `force` checks the disk in any case, for promises that
   * something does *not* exist, about which a dying disk may be wrong.
   */
  settled(options?: { readonly force?: boolean }): Promise<void>;
  /**
   * A number that is another one as soon as a file, a blob or a replica may have been changed or
   * removed; additions do not count. In this process that is before the change is acknowledged;
   * what another process changes shows in the next turn of the event loop with SQLite, and within
   * half a second with PostgreSQL. Take it *before* reading a row: what was read then is current
   * for as long as the number is the same. NaN, which equals nothing, when it is not known. Costs a
   * few microseconds.
   */
  contentVersion(): number;
  /**
   * A quick check, parallel to all running queries, whether the database responds and can be
   * written. Changes nothing.
   */
  check(): Promise<void>;
  /**
   * The time of the database, where several nodes share it. Absent: the clock of this process is
   * the only one.
   */
  readonly time?: (() => Promise<number>) | undefined;
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
   * `missing`: not found at the last check; reads still try it, after the others. `damaged`: its
   * bytes differ from those stored; never read again until a later check finds them right or a
   * repair replaces them.
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
  /** The name that the caller gave, unsanitised: for display and downloads. */
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
   * The server made up the path. It belongs to this file for all time, and to no other file once
   * this one is gone, so caches may keep it for ever. A path that a caller chose is free again
   * after a deletion.
   */
  readonly givenOnce: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Id of the account whose file it is. */
  readonly owner: string;
  /** Where it was stored first. It counts, and is listed, there. */
  readonly channelId: string;
}

/** A file with what is needed to send its bytes. */
export interface StoredFile {
  readonly file: FileRecord;
  readonly blob: Blob;
  readonly replicas: readonly Replica[];
}

export type Category = 'image' | 'video' | 'audio' | 'document' | 'other';

export interface FileQuery {
  readonly category?: Category | undefined;
  readonly limit: number;
  readonly offset: number;
  /**
   * Only files behind this position; `offset` is then ignored. The cost does not grow with the
   * position, and no file is skipped or repeated when others are added or removed meanwhile.
   */
  readonly after?: FilePosition | undefined;
}

/** The position of a file in the order of lists. */
export type FilePosition = Pick<FileRecord, 'createdAt' | 'id'>;

export interface NewFile {
  readonly file: Omit<FileRecord, 'path' | 'folder' | 'blobId' | 'size' | 'channelId'>;
  readonly blob: Blob;
  readonly replica: Replica;
  /** The bytes of the blob, to be written as a row (`small-objects.ts`). Only for a new blob. */
  readonly row?: Uint8Array | undefined;
  /**
   * The path to try at attempt `attempt` (0, 1, 2, ...). The first one that is free and not spent
   * is claimed atomically. Undefined ends the search with `conflict`. Called inside the
   * transaction: pure and quick.
   */
  readonly path: (attempt: number) => string | undefined;
  /** Jobs that become void once the file exists (clean-up written before the bytes were). */
  readonly clearsJobs?: readonly string[];
  /** New jobs that the change adds. */
  readonly addsJobs?: readonly NewJob[] | undefined;
  /**
   * The upload that this file comes from. It becomes `done` with this `result` in the same
   * transaction, if its version still is `version`.
   */
  readonly upload?:
    | { readonly id: string; readonly version: number; readonly result: Json }
    | undefined;
}

export interface FileStore {
  /**
   * Undefined when `upload` was given and is no longer at that version because another request
   * changed or finished it. Nothing is written then.
   */
  add(input: NewFile): Promise<StoredFile | undefined>;
  get(id: string): Promise<StoredFile | undefined>;
  getByPath(path: string): Promise<StoredFile | undefined>;
  /** Newest first. `total` counts all that match. */
  list(
    query: FileQuery,
  ): Promise<{ readonly items: readonly FileRecord[]; readonly total: number }>;
  /**
   * Removes the file. A path that is given only once is spent from then on. When no other file
   * points to its blob, the blob and its replicas are removed too, and for every segment the job
   * that `cleanup` makes, if any, is added. A row of its bytes goes with the blob. False when there
   * was no such file.
   */
  remove(
    id: string,
    cleanup: (channelId: string, segment: Segment) => NewJob | undefined,
  ): Promise<boolean>;
  /**
   * Whether a blob, a received upload or a stored upload part with this storage id (a blob id or a
   * part id) exists.
   */
  knowsStorageId(id: string): Promise<boolean>;
  /**
   * Whether a file has the bytes with this SHA-256 (lower-case hex), where their SHA-256 is known.
   * With `by`, whether that uploader has one on that channel.
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
 * An unfinished intake. `open` takes bytes, `failed` can be retried, `done` has produced a file,
 * `aborted` takes nothing any more. Done uploads stay until `expiresAt`, so that a repeated last
 * step gets the same response.
 */
export interface Upload {
  readonly id: string;
  readonly kind: UploadKind;
  readonly state: 'open' | 'failed' | 'done' | 'aborted';
  /** Grows by one with every change of this row. */
  readonly version: number;
  /**
   * The caller that may continue it: a token id, or `authCode:...`/`anonymous` as
   * `core/access/access.ts` names callers.
   */
  readonly owner: string;
  readonly channelId: string;
  /** Data of this kind of upload, written and read only by its core module. */
  readonly details: Json;
  /** A storage id (blob id to be) whose bytes have been received, known to `knowsStorageId`. */
  readonly storageId: string | null;
  /** The response of the step that finished it. */
  readonly result: Json;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** The category of the future file, for kinds that know it. */
  readonly category: Category | null;
  /** Bytes that it will receive in one piece, if known; 0 otherwise. */
  readonly expectedBytes: number;
}

/** Members that may change in an upload. An absent one keeps its value. */
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
  /** `pending` while its bytes are coming in; `segments` is then empty. */
  readonly state: 'pending' | 'stored';
  /** New for every attempt. Objects of the part are stored under it. */
  readonly storageId: string;
  readonly size: number;
  readonly segments: readonly Segment[];
  /** What `Multipart.part` returned, when the part went into a native multipart upload. */
  readonly native: Json;
  readonly hash: string;
  readonly updatedAt: number;
}

/** Maximum number of open uploads of an owner. */
export interface OpenUploadLimit {
  readonly max: number;
  /** How many of them may have been started from one network, and the network of this one. */
  readonly network?: { readonly name: string; readonly max: number };
}

export interface PartOptions {
  /** Void once the part is written. */
  readonly clearsJobs?: readonly string[];
  /**
   * Fails with `too_large` when all stored parts together would exceed this. Nothing is written
   * then.
   */
  readonly maxBytes?: number;
}

export interface UploadStore {
  /**
   * False when the owner has as many open uploads, of all kinds together, as `limit` allows.
   * Nothing is written then. Exact, however many uploads start at once on however many nodes.
   */
  add(upload: Upload, limit?: OpenUploadLimit): Promise<boolean>;
  get(id: string): Promise<Upload | undefined>;
  /** Newest first. */
  list(query: {
    readonly kinds: readonly UploadKind[];
    readonly states: readonly Upload['state'][];
    readonly owner?: string | undefined;
    readonly category?: Category | undefined;
    readonly limit: number;
    readonly offset: number;
  }): Promise<{ readonly items: readonly Upload[]; readonly total: number }>;
  /**
   * Compare-and-swap: applies the patch if the version still is `version` and returns the new row.
   * Otherwise undefined, and nothing is written.
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
  /** Bytes of the stored parts, except the part with this index. */
  receivedBytes(uploadId: string, exceptIndex: number): Promise<number>;
  /** Ascending by index. */
  parts(uploadId: string): Promise<readonly UploadPart[]>;
  /**
   * Removes the pending row of an attempt that failed. Does nothing when the row has been replaced
   * meanwhile.
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
   * Uploads without any bytes so far count only while they expire after `expiringAfter`.
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
  /** First characters of the token, so that people can recognise it. */
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
  /** Adds the token when none exists. Of several concurrent calls, one returns true. */
  addFirst(token: TokenRecord): Promise<boolean>;
  /**
   * Writes the token over the row with its id. If another row already has its hash, only the
   * `expiresAt` of that row is set.
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
  /** Records the last use. May be lost in a crash. */
  touch(id: string, at: number): Promise<void>;
  /** Removes tokens with `autoDelete` that expired before `now`. */
  removeExpired(now: number): Promise<number>;
}

/** A person who signs in with a name and a password. */
export interface AccountRecord {
  readonly id: string;
  /** Unique. */
  readonly name: string;
  /** The salted hash with its parameters, as `core/access/passwords.ts` writes it. */
  readonly passwordHash: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface AccountStore {
  /**
   * Adds the account when none exists, and removes every session of the kind `setup`. Of several
   * concurrent calls, one returns true.
   */
  addFirst(account: AccountRecord): Promise<boolean>;
  /**
   * Writes the account over the row with its id, whose `createdAt` stays, and removes every session
   * of that account and every session of the kind `setup`.
   */
  put(account: AccountRecord): Promise<void>;
  /**
   * Replaces the hash of an unchanged password. Sessions stay. False, with nothing written, when
   * the stored hash is not `from`.
   */
  rehash(id: string, from: string, to: string): Promise<boolean>;
  /** Oldest first. */
  list(): Promise<readonly AccountRecord[]>;
  /** Removes the account and its sessions. */
  remove(id: string): Promise<boolean>;
}

/** `setup`: a link that may set the first password, and nothing else. */
export type SessionKind = 'admin' | 'user' | 'setup';

/** A sign-in that lasts until it expires or is removed. */
export interface SessionRecord {
  readonly id: string;
  /** Hex SHA-256 of the secret in the cookie or the link. The secret itself is stored nowhere. */
  readonly hash: string;
  readonly kind: SessionKind;
  /** Null for those who signed in with the upload code. */
  readonly accountId: string | null;
  /** Changes with the upload code. Null for other kinds. */
  readonly codeMark: string | null;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly lastSeenAt: number;
  readonly ip: string;
  readonly userAgent: string;
}

export interface SessionStore {
  /**
   * With `passwordHash`: false, with nothing written, when the account of the session is gone or
   * has another hash by now, so that no sign-in with an old password outlives its change.
   */
  add(session: SessionRecord, passwordHash?: string): Promise<boolean>;
  get(id: string): Promise<SessionRecord | undefined>;
  findByHash(hash: string): Promise<SessionRecord | undefined>;
  /** Those that expire after `now`, without links. Newest first. */
  list(query: { readonly now: number; readonly limit: number }): Promise<readonly SessionRecord[]>;
  remove(id: string): Promise<boolean>;
  /** Removes every session of the kind. Returns their number. */
  removeKind(kind: SessionKind): Promise<number>;
  /** Records when it was last used. May be lost in a crash. */
  touch(id: string, at: number): Promise<void>;
  /** Removes those that expired before `now`. */
  removeExpired(now: number): Promise<number>;
}

export interface ChannelRecord {
  /** Assigned when the name is first seen, and never changed. */
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly createdAt: number;
}

export interface ChannelStore {
  /** The record of this type and name, created with `id` when it does not exist. */
  ensure(record: ChannelRecord): Promise<ChannelRecord>;
  list(): Promise<readonly ChannelRecord[]>;
  /**
   * The channels that were created at run time, removed ones included, in their order. `version`
   * changes with every `change`.
   */
  stored(): Promise<{ readonly version: number; readonly channels: readonly StoredChannel[] }>;
  /** That of `stored`, alone. */
  version(): Promise<number>;
  /**
   * Writes the channels over the rows with their ids, whose `createdAt` stays. False, with nothing
   * written, when the version is no longer `from`. Rejects with `conflict` when another channel of
   * the type has the name.
   */
  change(from: number, channels: readonly StoredChannel[]): Promise<boolean>;
  /**
   * Whether anything refers to the channel: copies of files, unfinished uploads, or jobs that name
   * it.
   */
  isInUse(id: string): Promise<boolean>;
  /**
   * Forgets the settings of channels that were removed before this time and are not in use. Their
   * ids and names stay.
   */
  forgetRemoved(before: number): Promise<number>;
}

/** A channel that was created at run time. */
export interface StoredChannel extends ChannelRecord {
  /** Of its type, with sealed secrets (`core/settings/secret-box.ts`). */
  readonly settings: Readonly<Record<string, Json>>;
  /** What channels of all types have. */
  readonly options: Readonly<Record<string, Json>>;
  readonly enabled: boolean;
  /** Takes no new files, so that it can be removed one day. */
  readonly draining: boolean;
  readonly position: number;
  /**
   * Null unless it was removed. Its settings are kept for a while, because uploads to it may have
   * been in progress.
   */
  readonly removedAt: number | null;
}

export interface NewJob {
  readonly id: string;
  readonly kind: string;
  readonly payload: Json;
  readonly runAt: number;
}

export interface Job extends NewJob {
  /** Number of claims, this one included. */
  readonly attempts: number;
  readonly lastError: string | null;
}

/** A job that one process works on; `runAt` is the end of its lease. */
export interface ClaimedJob extends Job {
  readonly lease: string;
}

/** Identifies a claim. A later claim of the same job has another lease. */
export type JobLease = Pick<ClaimedJob, 'id' | 'lease'>;

export interface JobStore {
  add(jobs: readonly NewJob[]): Promise<void>;
  /**
   * Claims up to `limit` due jobs for `leaseMs`. No two callers get the same job while its lease
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
  /** Removes a job that is done. Does nothing when its lease was lost. */
  finish(lease: JobLease): Promise<void>;
  /** Returns a job to the queue, to run at `runAt`. Does nothing when its lease was lost. */
  postpone(lease: JobLease, runAt: number, error: string): Promise<void>;
  /**
   * Makes every claimed job due at `now`. For the only process of a database, at its start. Returns
   * their number.
   */
  giveBack(now: number): Promise<number>;
  /** Removes jobs that have become void, claimed or not. */
  done(ids: readonly string[]): Promise<void>;
  /** Moves a job that is not claimed here to `runAt`. */
  retry(id: string, runAt: number, error: string): Promise<void>;
  /** Unfinished jobs, oldest first. */
  list(options: { readonly limit: number }): Promise<readonly Job[]>;
  /** Number of unfinished jobs with at least this many attempts. */
  count(minAttempts?: number): Promise<number>;
}

export interface IdempotencyStore {
  /**
   * Claims the key, or returns what is known of it. A claim older than `claimMs` without a response
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
  /** Stores the response of a claimed key until `expiresAt`. */
  finish(owner: string, key: string, response: Json, expiresAt: number): Promise<void>;
  /** Releases a claim whose request failed, so that the request can be retried. */
  release(owner: string, key: string): Promise<void>;
  removeExpired(now: number): Promise<number>;
}

export interface SettingStore {
  get(name: string): Promise<Json | undefined>;
  set(name: string, value: Json): Promise<void>;
  /** Returns the value that is stored afterwards, which is the old one if there was one. */
  setIfAbsent(name: string, value: Json): Promise<Json>;
}

/**
 * A replica with the time at which its bytes were last read and compared; null when they never
 * were.
 */
export interface CheckedReplica extends Replica {
  readonly verifiedAt: number | null;
}

/** The result of checking a replica. */
export interface ReplicaFinding extends Pick<Replica, 'blobId' | 'channelId' | 'state'> {
  readonly verifiedAt: number;
}

/** Identifies one replica. */
export type ReplicaKey = Pick<Replica, 'blobId' | 'channelId'>;

export interface ReplicaStore {
  /** Replicas on these channels, ordered by blob and channel, after `after`. */
  page(query: {
    readonly channelIds: readonly string[];
    readonly after?: ReplicaKey | undefined;
    readonly limit: number;
  }): Promise<readonly CheckedReplica[]>;
  /** All copies of a blob. */
  ofBlob(blobId: string): Promise<readonly Replica[]>;
  /** Records findings. Returns how many of the replicas still exist. */
  mark(findings: readonly ReplicaFinding[]): Promise<number>;
  /**
   * Replaces the objects of `old` with new ones and marks the replica `ok`, adding and clearing
   * jobs in the same transaction. False, with nothing written, when the row is gone or has other
   * objects by now.
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
  /** Paths of the files that consist of a blob. */
  pathsOf(blobId: string): Promise<readonly string[]>;
  /** Number of replicas that are not `ok`. */
  countBroken(): Promise<number>;
}

/**
 * Leases for work that one process at a time may do, or during which others pause. A lease ends by
 * itself, so a process that dies does not hold it for long.
 */
export interface LeaseStore {
  /** True when `owner` has the lease until `until`, because it was free, expired or its own. */
  take(lease: {
    readonly name: string;
    readonly owner: string;
    readonly now: number;
    readonly until: number;
  }): Promise<boolean>;
  /** Does nothing when another owner has it. */
  release(name: string, owner: string): Promise<void>;
  isHeld(name: string, now: number): Promise<boolean>;
}
