import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryChannel } from '../src/channels/memory/index.ts';
import { type Access, type Caller, createAccess } from '../src/core/access/access.ts';
import { createAuthThrottle } from '../src/core/access/auth-throttle.ts';
import type { ByteSource } from '../src/core/bytes.ts';
import type { Channel } from '../src/core/channel.ts';
import { createJobRunner, type JobRunner } from '../src/core/jobs/job-runner.ts';
import { createFiles, type Files } from '../src/core/library/files.ts';
import { createMaintenance, type Maintenance } from '../src/core/library/maintenance.ts';
import { silentLog } from '../src/core/log.ts';
import type { MetadataStore, StoredFile, Upload } from '../src/core/metadata.ts';
import {
  type ChannelPool,
  type ConfiguredChannel,
  createChannelPool,
} from '../src/core/storage/channel-pool.ts';
import { storageJobs } from '../src/core/storage/cleanup-jobs.ts';
import { createIntake, type Intake } from '../src/core/storage/intake.ts';
import { createDigestService } from '../src/core/streams/digests.ts';
import { readAll } from '../src/core/streams/peek.ts';
import { DirectUploads } from '../src/core/uploads/direct/direct-uploads.ts';
import { createOpenUploads } from '../src/core/uploads/open-uploads.ts';
import type { PresignRequest } from '../src/core/uploads/presigned/choose-target.ts';
import { PresignedUploads, uploadGraceMs } from '../src/core/uploads/presigned/presigned-upload.ts';
import type { ReceiveRequest } from '../src/core/uploads/presigned/receive-upload.ts';
import { createProber } from '../src/images/prober.ts';
import { openMetadata } from '../src/metadata/index.ts';
import { guarded } from './guarded.ts';

/** A channel that tells what lies on it. Its methods may be replaced in the midst of a test. */
export interface WatchedChannel extends Channel {
  readonly refs: Set<string>;
  put: Channel['put'];
  get: Channel['get'];
  delete: Channel['delete'];
}

export function watchedChannel(inner: Channel = createMemoryChannel()): WatchedChannel {
  const refs = new Set<string>();
  return {
    ...inner,
    refs,
    async put(body, options) {
      const result = await inner.put(body, options);
      refs.add(nameOf(result.ref));
      return result;
    },
    get: inner.get,
    async delete(ref, options) {
      await inner.delete(ref, options);
      refs.delete(nameOf(ref));
    },
  };
}

const nameOf = (ref: unknown): string => (typeof ref === 'string' ? ref : JSON.stringify(ref));

export function configured(channel: Channel, name = 'main', group = 'memory'): ConfiguredChannel {
  return {
    id: name,
    type: 'memory',
    group,
    label: 'Memory',
    name,
    enabled: true,
    weight: 1,
    channel: channel.remote ? guarded(channel) : channel,
  };
}

/** The services of one process. */
export interface Node {
  readonly metadata: MetadataStore;
  readonly pool: ChannelPool;
  readonly intake: Intake;
  readonly files: Files;
  readonly access: Access;
  readonly presigned: PresignedUploads;
  readonly direct: DirectUploads;
  readonly jobs: JobRunner;
  readonly maintenance: Maintenance;
}

export interface WorldOptions {
  readonly channels?: readonly ConfiguredChannel[];
  readonly maxOpenUploads?: number;
  readonly strictSize?: boolean;
  /** Of an empty PostgreSQL database; absent means SQLite. */
  readonly databaseUrl?: string;
}

export interface NodeOptions {
  /** Stands in for parts of the store. */
  readonly metadata?: MetadataStore;
  /** Stand in for the world's. */
  readonly channels?: readonly ConfiguredChannel[];
  /** Added to the world's time. */
  readonly clockOffMs?: number;
}

/** One store, one set of channels, one clock; any number of processes. */
export interface World {
  readonly dataDir: string;
  readonly metadata: MetadataStore;
  readonly caller: Caller;
  now(): number;
  advance(ms: number): void;
  node(options?: NodeOptions): Node;
  /** What a stored file reads back as. */
  read(node: Node, stored: StoredFile): Promise<Buffer>;
  stop(): Promise<void>;
}

export const urlTtlSeconds = 900;
export const never: AbortSignal = new AbortController().signal;

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const dataDir = await mkdtemp(join(tmpdir(), 'stowage-core-'));
  const { databaseUrl } = options;
  const metadata = await openMetadata({
    dataDir,
    durability: 'normal',
    databaseUrl,
  });
  await metadata.migrate();
  const digests = createDigestService();
  const channels = options.channels ?? [configured(watchedChannel())];
  const { maxOpenUploads = 1000, strictSize = false } = options;
  let at = Date.UTC(2026, 10, 1);
  const access = createTestAccess(metadata, () => at);
  const { record } = await access.createToken({
    name: 'test',
    permissions: ['upload', 'list', 'delete'],
  });

  return {
    dataDir,
    metadata,
    caller: { owner: record.id, permissions: new Set(record.permissions), token: record },
    now: () => at,
    advance: (ms) => {
      at += ms;
    },
    node({ metadata: store = metadata, clockOffMs = 0, channels: own = channels } = {}) {
      const now = (): number => at + clockOffMs;
      const pool = createChannelPool({
        channels: own,
        usage: store.files.usage,
        reserved: (id) => store.uploads.reservedBytes(id, now() + uploadGraceMs),
        fallbackOrder: own.map(({ name }) => name),
        loadBalance: false,
        routes: {},
      });
      const nodeAccess = createTestAccess(store, now);
      const intake = createIntake({ metadata: store, digests, spoolFolder: dataDir, now });
      const files = createFiles({ metadata: store, pool, intake, access: nodeAccess, now });
      const openUploads = createOpenUploads({
        uploads: store.uploads,
        access: nodeAccess,
        max: maxOpenUploads,
      });
      const presigned = new PresignedUploads(
        {
          metadata: store,
          pool,
          intake,
          files,
          access: nodeAccess,
          openUploads,
          prober: createProber(),
          digests,
          now,
          log: silentLog,
        },
        {
          urlTtlSeconds,
          strictSize,
          supportedTypes: ['image/png', 'image/jpeg', 'application/pdf'],
        },
      );
      const direct = new DirectUploads({
        metadata: store,
        pool,
        files,
        access: nodeAccess,
        openUploads,
        digests,
        now,
        maxUploadBytes: 2 ** 40,
      });
      const removeExpired = {
        presigned: (upload: Upload) => presigned.removeExpired(upload),
        import: (upload: Upload) => presigned.removeExpired(upload),
        direct: (upload: Upload) => direct.removeExpired(upload),
        chunked: async () => false,
      };
      return {
        ...{ metadata: store, pool, intake, files, presigned, direct, access: nodeAccess },
        jobs: createJobRunner({
          jobs: store.jobs,
          handlers: storageJobs(pool, store.files),
          now,
          log: silentLog,
        }),
        maintenance: createMaintenance({
          metadata: store,
          pool,
          removeExpired,
          now,
          log: silentLog,
        }),
      };
    },
    read: async (node, stored) =>
      readAll((await node.files.open(stored, { signal: never })).stream),
    async stop() {
      await digests.close();
      await metadata.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

/** A world with one channel and one process. */
export async function createSmallWorld() {
  const channel = watchedChannel();
  const world = await createWorld({ channels: [configured(channel)] });
  return { channel, world, node: world.node() };
}

function createTestAccess({ tokens }: MetadataStore, now: () => number): Access {
  return createAccess({
    tokens,
    authCode: 'code',
    allowAnonymousUploads: false,
    brake: createAuthThrottle(now),
    now,
  });
}

/** A PDF by its first and last bytes, different for every text. */
export function pdf(text: string, size = 0): Buffer {
  const body = Buffer.from(`%PDF-1.7\n${text}\n`);
  const end = Buffer.from('\n%%EOF\n');
  return Buffer.concat([
    body,
    Buffer.alloc(Math.max(0, size - body.length - end.length), text),
    end,
  ]);
}

export function presignRequest(fields: Partial<PresignRequest> = {}): PresignRequest {
  return {
    ...{
      filename: 'paper.pdf',
      contentType: 'application/pdf',
      category: 'document',
      size: null,
      maxBytes: 1_000_000,
    },
    ...{ sha256: null, width: null, height: null, durationSeconds: null, ip: null, direct: false },
    ...fields,
  };
}

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

export function transfer(
  id: string,
  source: ByteSource | Uint8Array,
  startedAt: number,
): ReceiveRequest {
  return {
    ...{
      id,
      contentType: 'application/pdf',
      size: undefined,
      expected: {},
      startedAt,
      signal: never,
    },
    source: source instanceof Uint8Array ? once(source) : source,
  };
}

/** A body whose bytes come when the test says so. */
export function slowBody(): {
  source: ByteSource;
  push(bytes: Uint8Array): void;
  end(): void;
  left: Promise<void>;
} {
  const queue: (Uint8Array | undefined)[] = [];
  const left = Promise.withResolvers<void>();
  let wake = (): void => {};
  const put = (item: Uint8Array | undefined): void => {
    queue.push(item);
    wake();
  };
  async function* read(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        while (queue.length === 0) {
          await new Promise<void>((resolve) => (wake = resolve));
        }
        const item = queue.shift();
        if (item === undefined) {
          return;
        }
        yield item;
      }
    } finally {
      left.resolve();
    }
  }
  return { source: read(), push: put, end: () => put(undefined), left: left.promise };
}
