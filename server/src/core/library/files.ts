import type { Access } from '../access/access.ts';
import type { GetResult } from '../channel.ts';
import type { Clock } from '../clock.ts';
import { fail } from '../errors.ts';
import type {
  FileQuery,
  FileRecord,
  MetadataStore,
  NewFile,
  NewJob,
  StoredFile,
} from '../metadata.ts';
import { rowOf } from '../small-objects.ts';
import type { ChannelPool } from '../storage/channel-pool.ts';
import { deleteObjectJob } from '../storage/cleanup-jobs.ts';
import type { Intake, StoredBytes } from '../storage/intake.ts';
import { openContent, plainFileOf, type ReadOptions } from '../storage/read-content.ts';
import { nothing } from '../streams/body.ts';
import { uuidv7 } from '../uuid.ts';

/** Bytes that lie on a channel, of which the library knows nothing yet. */
export interface BytesToAdd extends Pick<StoredBytes, 'channel' | 'segments' | 'size' | 'hash'> {
  /** Becomes the blob's id. */
  readonly storageId: string;
  /** Hex, when known. */
  readonly sha256?: string | null | undefined;
  /** Clean-up that is void once the file is there. */
  readonly pendingCleanup?: readonly string[] | undefined;
  /** See `PendingBytes`. */
  readonly row?: Uint8Array | undefined;
}

export interface FileToAdd {
  /** Becomes the file's id. Absent: a new one is generated. */
  readonly id?: string;
  readonly bytes: BytesToAdd;
  readonly filename: string;
  readonly contentType: string;
  readonly path: NewFile['path'];
  readonly givenOnce: boolean;
  readonly width?: number | null | undefined;
  readonly height?: number | null | undefined;
  readonly durationSeconds?: number | null | undefined;
  readonly uploader: string | null;
  /** Owner of the call whose response contains this file. */
  readonly promisedTo: string;
  readonly ip: string | null;
  readonly addsJobs?: readonly NewJob[];
  readonly upload?: NewFile['upload'];
}

/** The library: names for stored bytes. */
export interface Files {
  /**
   * Makes the stored bytes a file. Undefined when another request changed or finished `upload`
   * meanwhile (the bytes stay). Fails with `unauthorized` when the caller may no longer upload,
   * because receiving the bytes can take long.
   */
  add(input: FileToAdd): Promise<StoredFile | undefined>;
  get(id: string): Promise<StoredFile | undefined>;
  getByPath(path: string): Promise<StoredFile | undefined>;
  list(
    query: FileQuery,
  ): Promise<{ readonly items: readonly FileRecord[]; readonly total: number }>;
  /**
   * Removes the file at once. Jobs remove its bytes, retrying until the backend confirms. False
   * when the file did not exist.
   */
  remove(id: string): Promise<boolean>;
  open(stored: StoredFile, options: ReadOptions): Promise<GetResult>;
  /** The plain file on this machine that holds the bytes, if there is one (`plainFileOf`). */
  plainFile(stored: StoredFile): Promise<string | undefined>;
}

/** The account that every file belongs to. */
export const administrator = 'owner';

export interface FilesOptions {
  readonly metadata: Pick<MetadataStore, 'files'>;
  readonly pool: ChannelPool;
  readonly intake: Pick<Intake, 'settle'>;
  readonly access: Pick<Access, 'mayUpload'>;
  readonly now: Clock;
}

export function createFiles({ metadata, pool, intake, access, now }: FilesOptions): Files {
  return {
    async add(input) {
      const { bytes } = input;
      if (!(await access.mayUpload(input.promisedTo))) {
        throw fail('unauthorized');
      }
      const added = await metadata.files.add(newFile(input, now()));
      if (added !== undefined) {
        await intake.settle(bytes);
      }
      return added;
    },
    get: (id) => metadata.files.get(id),
    getByPath: (path) => metadata.files.getByPath(path),
    list: (query) => metadata.files.list(query),
    remove: (id) =>
      metadata.files.remove(id, (channelId, segment) =>
        // A row goes with its blob.
        rowOf(segment.ref) === undefined ? deleteObjectJob(channelId, segment, now()) : undefined,
      ),
    async open(stored, options) {
      if (stored.blob.size === 0) {
        return { stream: nothing(), size: 0 };
      }
      if (stored.replicas.length === 0) {
        throw fail('channel_unavailable', { message: 'No storage channel holds this file.' });
      }
      return openContent(pool, stored, options);
    },
    plainFile: (stored) => plainFileOf(pool, stored),
  };
}

function newFile(input: FileToAdd, at: number): NewFile {
  const { bytes } = input;
  return {
    file: {
      id: input.id ?? uuidv7(at),
      filename: storable(input.filename),
      contentType: input.contentType,
      width: input.width ?? null,
      height: input.height ?? null,
      durationSeconds: input.durationSeconds ?? null,
      tags: [],
      listType: 'None',
      label: 'None',
      uploader: input.uploader,
      ip: input.ip,
      givenOnce: input.givenOnce,
      createdAt: at,
      updatedAt: at,
      owner: administrator,
    },
    blob: {
      id: bytes.storageId,
      size: bytes.size,
      hash: bytes.hash,
      sha256: bytes.sha256 ?? null,
      createdAt: at,
    },
    replica: {
      blobId: bytes.storageId,
      channelId: bytes.channel.id,
      segments: bytes.segments,
      state: 'ok',
    },
    row: bytes.row,
    path: input.path,
    clearsJobs: bytes.pendingCleanup ?? [],
    addsJobs: input.addsJobs,
    upload: input.upload,
  };
}

/** Removes what databases cannot store: U+0000 and lone surrogates. */
function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}
