import type {
  AccountRecord,
  Blob,
  NewFile,
  NewJob,
  Replica,
  SessionRecord,
  TokenRecord,
  Upload,
  UploadPart,
} from '../../../src/core/metadata.ts';
import { uuidv7 } from '../../../src/core/uuid.ts';

export const newId = (): string => uuidv7(Date.now());
export const hash = 'ab'.repeat(32);

export function newBlob(changes: Partial<Blob> = {}): Blob {
  return { id: newId(), size: 1000, hash, sha256: null, createdAt: Date.now(), ...changes };
}

export function replicaOf(blob: Blob, changes: Partial<Replica> = {}): Replica {
  const segments = [{ ref: { key: blob.id }, size: blob.size, hash: blob.hash }];
  return { blobId: blob.id, channelId: 'channel-a', segments, state: 'ok', ...changes };
}

export interface FileChanges extends Partial<Omit<NewFile, 'file' | 'path'>> {
  readonly file?: Partial<NewFile['file']>;
  readonly path?: string | NewFile['path'];
}

export function newFile({
  file,
  path = `folder/${newId()}.png`,
  blob = newBlob(),
  ...changes
}: FileChanges = {}): NewFile {
  const now = Date.now();
  return {
    file: {
      id: newId(),
      filename: 'Bild.png',
      contentType: 'image/png',
      width: 640,
      height: 480,
      durationSeconds: null,
      tags: [],
      listType: 'None',
      givenOnce: false,
      label: 'None',
      uploader: null,
      ip: '192.0.2.1',
      createdAt: now,
      updatedAt: now,
      owner: 'owner',
      ...file,
    },
    blob,
    replica: replicaOf(blob),
    path: typeof path === 'string' ? (attempt) => (attempt === 0 ? path : undefined) : path,
    ...changes,
  };
}

export function newUpload(changes: Partial<Upload> = {}): Upload {
  const now = Date.now();
  return {
    id: newId(),
    kind: 'chunked',
    state: 'open',
    version: 1,
    owner: newId(),
    channelId: 'channel-a',
    details: { step: 1 },
    storageId: null,
    category: null,
    expectedBytes: 0,
    result: null,
    createdAt: now,
    expiresAt: now + 3_600_000,
    ...changes,
  };
}

export function storedPart(
  upload: Upload,
  index: number,
  changes: Partial<UploadPart> = {},
): UploadPart {
  const storageId = newId();
  return {
    uploadId: upload.id,
    index,
    state: 'stored',
    storageId,
    size: 10,
    segments: [{ ref: { key: storageId }, size: 10, hash }],
    native: null,
    hash,
    updatedAt: Date.now(),
    ...changes,
  };
}

export function pendingPart(
  upload: Upload,
  index: number,
  changes: Partial<UploadPart> = {},
): UploadPart {
  return storedPart(upload, index, {
    state: 'pending',
    size: 0,
    segments: [],
    hash: '',
    ...changes,
  });
}

export function newToken(changes: Partial<TokenRecord> = {}): TokenRecord {
  const now = Date.now();
  return {
    id: newId(),
    name: 'Zeitung',
    owner: 'admin',
    hash: newId().repeat(2),
    prefix: 'stw_abc',
    permissions: ['upload', 'list'],
    createdAt: now,
    updatedAt: now,
    expiresAt: null,
    autoDelete: false,
    lastUsedAt: null,
    ...changes,
  };
}

export function newAccount(changes: Partial<AccountRecord> = {}): AccountRecord {
  const id = newId();
  return {
    id,
    name: `Zoë ${id}`,
    passwordHash: `$argon2id$${id}`,
    createdAt: 1_000,
    updatedAt: 1_000,
    ...changes,
  };
}

export function newSession(changes: Partial<SessionRecord> = {}): SessionRecord {
  return {
    id: newId(),
    hash: newId().repeat(2),
    kind: 'user',
    accountId: null,
    codeMark: null,
    createdAt: 1_000,
    expiresAt: 5e12,
    lastSeenAt: 1_000,
    ip: '2001:db8::1',
    userAgent: 'Mozilla/5.0',
    ...changes,
  };
}

export function newJob(changes: Partial<NewJob> = {}): NewJob {
  return { id: newId(), kind: 'test', payload: { ref: 'x' }, runAt: 1_000, ...changes };
}

export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Runs them all at once, taking turns between the nodes. */
export function atOnce<T, Node>(
  count: number,
  nodes: readonly Node[],
  run: (node: Node, index: number) => Promise<T>,
): Promise<T[]> {
  return Promise.all(times(count, (index) => run(nodes[index % nodes.length] as Node, index)));
}
