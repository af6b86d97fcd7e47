import type { Generated, Selectable } from 'kysely';
import type {
  Blob,
  Category,
  ListType,
  Replica,
  SessionKind,
  Upload,
  UploadKind,
  UploadPart,
} from '../core/metadata.ts';

/**
 * The tables as the newest migration leaves them. Columns commented as JSON hold its text exactly
 * as given.
 */
export interface Schema {
  files: FileRow;
  spent_paths: SpentPathRow;
  folders: FolderRow;
  files_by_hour: FilesByHourRow;
  file_tags: FileTagRow;
  search_docs: SearchDocRow;
  search_pending: SearchPendingRow;
  blobs: BlobRow;
  replicas: ReplicaRow;
  channels: ChannelTable;
  /** In SQLite only. */
  small_objects: SmallObjectRow;
  counters: CounterRow;
  uploads: UploadRow;
  upload_parts: UploadPartRow;
  tokens: TokenRow;
  accounts: AccountRow;
  sessions: SessionRow;
  settings: SettingRow;
  leases: LeaseRow;
  blocked_addresses: BlockedAddressRow;
  jobs: JobRow;
  idempotency: IdempotencyRow;
  schema_migrations: MigrationRow;
}

export interface FileRow {
  id: string;
  path: string;
  folder: string;
  filename: string;
  blob_id: string;
  content_type: string;
  /** Derived from the content type. A column, so that lists can use an index. */
  category: Category;
  size: number;
  width: number | null;
  height: number | null;
  duration_seconds: number | null;
  /** JSON */
  tags: string;
  list_type: ListType;
  label: string;
  uploader: string | null;
  ip: string | null;
  /** 1 or 0 */
  given_once: number;
  created_at: number;
  updated_at: number;
  owner: string;
  channel_id: string;
  /** Name and path in lower case. */
  search_text: string;
}

/** A path that no other file may have. */
export interface SpentPathRow {
  path: string;
  spent_at: number;
  /** The file that had it and was moved. Null: the file is gone. */
  file_id: string | null;
  /** 1 or 0: whether it stays spent when the file is gone. */
  given_once: number;
}

/** The files directly in a folder, in as many rows as a counter has. No row when there are none. */
export interface FolderRow {
  path: string;
  shard: number;
  files: number;
  bytes: number;
}

/** How many of the files came in within an hour (since the epoch). */
export interface FilesByHourRow {
  hour: number;
  channel_id: string;
  shard: number;
  files: number;
}

export interface FileTagRow {
  tag: string;
  created_at: number;
  file_id: string;
}

/** SQLite: the document of a file in the trigram index. */
export interface SearchDocRow {
  id: Generated<number>;
  file_id: string;
}

/** SQLite: a file that is not in the trigram index yet. */
export interface SearchPendingRow {
  file_id: string;
}

export interface BlobRow {
  id: string;
  size: number;
  hash: Blob['hash'];
  sha256: string | null;
  created_at: number;
}

interface SmallObjectRow {
  blob_id: string;
  bytes: Uint8Array;
}

export interface ReplicaRow {
  blob_id: string;
  channel_id: string;
  /** JSON */
  segments: string;
  state: Replica['state'];
  verified_at: number | null;
}

export type ChannelRow = Selectable<ChannelTable>;

export interface ChannelTable {
  id: string;
  type: string;
  name: string;
  created_at: number;
  /** JSON, with sealed secrets; null for a channel of the configuration. */
  settings: string | null;
  /** JSON */
  options: string | null;
  /** 0 or 1 */
  enabled: Generated<number>;
  /** 0 or 1 */
  draining: Generated<number>;
  position: Generated<number>;
  removed_at: number | null;
}

/**
 * Several rows per name on PostgreSQL (their sum counts), so that concurrent commits do not queue
 * for one row.
 */
export interface CounterRow {
  name: string;
  shard: number;
  items: number;
  bytes: number;
}

export interface UploadRow {
  id: string;
  kind: UploadKind;
  state: Upload['state'];
  version: number;
  owner: string;
  channel_id: string;
  /** JSON */
  details: string;
  storage_id: string | null;
  /** JSON */
  result: string;
  created_at: number;
  expires_at: number;
  /** Where it was started, for owners that stand for many people. */
  category: Category | null;
  expected_bytes: number;
  network: string | null;
  /** Sum of the stored parts. */
  received_bytes: number;
}

export interface UploadPartRow {
  upload_id: string;
  part_index: number;
  state: UploadPart['state'];
  storage_id: string;
  size: number;
  /** JSON */
  segments: string;
  /** JSON */
  native: string;
  hash: string;
  updated_at: number;
}

export interface TokenRow {
  id: string;
  name: string;
  owner: string;
  hash: string;
  prefix: string;
  /** JSON */
  permissions: string;
  created_at: number;
  updated_at: number;
  expires_at: number | null;
  /** 0 or 1 */
  auto_delete: number;
  last_used_at: number | null;
}

export interface AccountRow {
  id: string;
  name: string;
  password_hash: string;
  created_at: number;
  updated_at: number;
}

export interface SessionRow {
  hash: string;
  id: string;
  kind: SessionKind;
  account_id: string | null;
  code_mark: string | null;
  created_at: number;
  expires_at: number;
  last_seen_at: number;
  ip: string;
  user_agent: string;
}

export interface SettingRow {
  name: string;
  /** JSON */
  value: string;
}

export interface BlockedAddressRow {
  address: string;
  blocked_at: number;
}

export interface LeaseRow {
  name: string;
  owner: string;
  held_until: number;
}

/** A claimed job has a `lease`, and `run_at` is its end. */
export interface JobRow {
  id: string;
  kind: string;
  /** JSON */
  payload: string;
  run_at: number;
  attempts: number;
  last_error: string | null;
  lease: string | null;
}

interface IdempotencyRow {
  owner: string;
  key: string;
  request_hash: string;
  claimed_at: number;
  expires_at: number;
  /** JSON; null while the request is in flight. */
  response: string | null;
}

interface MigrationRow {
  name: string;
  ran_at: number;
}
