import type { Json } from '../core/bytes.ts';
import { categoryOf } from '../core/content-type/media-types.ts';
import type {
  AccountRecord,
  Blob,
  ChannelRecord,
  FileRecord,
  Job,
  NewJob,
  Permission,
  Replica,
  Segment,
  SessionRecord,
  StoredChannel,
  TokenRecord,
  Upload,
  UploadPart,
} from '../core/metadata.ts';
import type {
  AccountRow,
  BlobRow,
  ChannelRow,
  FileRow,
  JobRow,
  ReplicaRow,
  SessionRow,
  TokenRow,
  UploadPartRow,
  UploadRow,
} from './schema.ts';

export function toJson(value: unknown): string {
  return JSON.stringify(value ?? null);
}

export function fromJson<T = Json>(text: string): T {
  return JSON.parse(text) as T;
}

export function toFile(row: FileRow): FileRecord {
  return {
    id: row.id,
    path: row.path,
    folder: row.folder,
    filename: row.filename,
    blobId: row.blob_id,
    contentType: row.content_type,
    size: row.size,
    width: row.width,
    height: row.height,
    durationSeconds: row.duration_seconds,
    tags: fromJson<string[]>(row.tags),
    listType: row.list_type,
    label: row.label,
    uploader: row.uploader,
    ip: row.ip,
    givenOnce: row.given_once === 1,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    owner: row.owner,
    channelId: row.channel_id,
  };
}

/** What a search looks in. No name has a slash between blanks. */
export function searchTextOf({ filename, path }: Pick<FileRecord, 'filename' | 'path'>): string {
  return `${filename} / ${path}`.toLowerCase();
}

export function fileRow(file: FileRecord): FileRow {
  return {
    id: file.id,
    path: file.path,
    folder: file.folder,
    filename: file.filename,
    blob_id: file.blobId,
    content_type: file.contentType,
    category: categoryOf(file.contentType),
    size: file.size,
    width: file.width,
    height: file.height,
    duration_seconds: file.durationSeconds,
    tags: toJson(file.tags),
    list_type: file.listType,
    label: file.label,
    uploader: file.uploader,
    ip: file.ip,
    given_once: file.givenOnce ? 1 : 0,
    created_at: file.createdAt,
    updated_at: file.updatedAt,
    owner: file.owner,
    channel_id: file.channelId,
    search_text: searchTextOf(file),
  };
}

export function toBlob(row: BlobRow): Blob {
  return {
    id: row.id,
    size: row.size,
    hash: row.hash,
    sha256: row.sha256,
    createdAt: row.created_at,
  };
}

export function blobRow(blob: Blob): BlobRow {
  return {
    id: blob.id,
    size: blob.size,
    hash: blob.hash,
    sha256: blob.sha256,
    created_at: blob.createdAt,
  };
}

export function toReplica(row: ReplicaRow): Replica {
  return {
    blobId: row.blob_id,
    channelId: row.channel_id,
    segments: fromJson<Segment[]>(row.segments),
    state: row.state,
  };
}

export function replicaRow({ blobId, channelId, segments, state }: Replica): ReplicaRow {
  return {
    blob_id: blobId,
    channel_id: channelId,
    segments: toJson(segments),
    state,
    verified_at: null,
  };
}

export function toUpload(row: UploadRow): Upload {
  return {
    id: row.id,
    kind: row.kind,
    state: row.state,
    version: row.version,
    owner: row.owner,
    channelId: row.channel_id,
    details: fromJson(row.details),
    storageId: row.storage_id,
    result: fromJson(row.result),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    category: row.category,
    expectedBytes: row.expected_bytes,
  };
}

export function uploadRow(upload: Upload, network: string | null = null): UploadRow {
  return {
    id: upload.id,
    kind: upload.kind,
    state: upload.state,
    version: upload.version,
    owner: upload.owner,
    channel_id: upload.channelId,
    details: toJson(upload.details),
    storage_id: upload.storageId,
    result: toJson(upload.result),
    created_at: upload.createdAt,
    expires_at: upload.expiresAt,
    category: upload.category,
    expected_bytes: upload.expectedBytes,
    network,
    received_bytes: 0,
  };
}

export function toPart(row: UploadPartRow): UploadPart {
  return {
    uploadId: row.upload_id,
    index: row.part_index,
    state: row.state,
    storageId: row.storage_id,
    size: row.size,
    segments: fromJson<Segment[]>(row.segments),
    native: fromJson(row.native),
    hash: row.hash,
    updatedAt: row.updated_at,
  };
}

export function partRow(part: UploadPart): UploadPartRow {
  return {
    upload_id: part.uploadId,
    part_index: part.index,
    state: part.state,
    storage_id: part.storageId,
    size: part.size,
    segments: toJson(part.segments),
    native: toJson(part.native),
    hash: part.hash,
    updated_at: part.updatedAt,
  };
}

export function toToken(row: TokenRow): TokenRecord {
  return {
    id: row.id,
    name: row.name,
    owner: row.owner,
    hash: row.hash,
    prefix: row.prefix,
    permissions: fromJson<Permission[]>(row.permissions),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    expiresAt: row.expires_at,
    autoDelete: row.auto_delete === 1,
    lastUsedAt: row.last_used_at,
  };
}

export function tokenRow(token: TokenRecord): TokenRow {
  return {
    id: token.id,
    name: token.name,
    owner: token.owner,
    hash: token.hash,
    prefix: token.prefix,
    permissions: toJson(token.permissions),
    created_at: token.createdAt,
    updated_at: token.updatedAt,
    expires_at: token.expiresAt,
    auto_delete: token.autoDelete ? 1 : 0,
    last_used_at: token.lastUsedAt,
  };
}

export function toAccount(row: AccountRow): AccountRecord {
  return {
    id: row.id,
    name: row.name,
    passwordHash: row.password_hash,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export function accountRow(account: AccountRecord): AccountRow {
  return {
    id: account.id,
    name: account.name,
    password_hash: account.passwordHash,
    created_at: account.createdAt,
    updated_at: account.updatedAt,
  };
}

export function toSession(row: SessionRow): SessionRecord {
  return {
    id: row.id,
    hash: row.hash,
    kind: row.kind,
    accountId: row.account_id,
    codeMark: row.code_mark,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastSeenAt: row.last_seen_at,
    ip: row.ip,
    userAgent: row.user_agent,
  };
}

export function sessionRow(session: SessionRecord): SessionRow {
  return {
    hash: session.hash,
    id: session.id,
    kind: session.kind,
    account_id: session.accountId,
    code_mark: session.codeMark,
    created_at: session.createdAt,
    expires_at: session.expiresAt,
    last_seen_at: session.lastSeenAt,
    ip: session.ip,
    user_agent: session.userAgent,
  };
}

export function toChannel(row: ChannelRow): ChannelRecord {
  return { id: row.id, type: row.type, name: row.name, createdAt: row.created_at };
}

/** Of a row that has settings. */
export function toStoredChannel(row: ChannelRow): StoredChannel {
  return {
    ...toChannel(row),
    settings: fromJson(row.settings ?? '{}'),
    options: fromJson(row.options ?? '{}'),
    enabled: row.enabled === 1,
    draining: row.draining === 1,
    position: row.position,
    removedAt: row.removed_at,
  };
}

export function toJob(row: JobRow): Job {
  return {
    id: row.id,
    kind: row.kind,
    payload: fromJson(row.payload),
    runAt: row.run_at,
    attempts: row.attempts,
    lastError: row.last_error,
  };
}

export function jobRow(job: NewJob): JobRow {
  return {
    id: job.id,
    kind: job.kind,
    payload: toJson(job.payload),
    run_at: job.runAt,
    attempts: 0,
    last_error: null,
    lease: null,
  };
}

/**
 * The columns to change. Statements are compiled per set of columns, so the others are left out.
 */
export function withoutUndefined<Row extends object>(
  row: {
    readonly [Column in keyof Row]: Row[Column] | undefined;
  },
): Partial<Row> {
  const columns = Object.entries(row).filter(([, value]) => value !== undefined);
  return Object.fromEntries(columns) as Partial<Row>;
}
