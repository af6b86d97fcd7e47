import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryChannel } from '../../channels/memory/index.ts';
import { createProber } from '../../images/prober.ts';
import { openMetadata } from '../../metadata/index.ts';
import { allPermissions, createAccess } from '../access/access.ts';
import { createAuthThrottle } from '../access/auth-throttle.ts';
import type { ByteSource } from '../bytes.ts';
import type { Channel } from '../channel.ts';
import { fail } from '../errors.ts';
import { createJobRunner, type JobRunner } from '../jobs/job-runner.ts';
import { createFiles } from '../library/files.ts';
import { silentLog } from '../log.ts';
import type { MetadataStore } from '../metadata.ts';
import { createChannelPool } from '../storage/channel-pool.ts';
import { storageJobs } from '../storage/cleanup-jobs.ts';
import { createIntake } from '../storage/intake.ts';
import { createDigestService } from '../streams/digests.ts';
import { createOpenUploads } from '../uploads/open-uploads.ts';
import { PresignedUploads } from '../uploads/presigned/presigned-upload.ts';
import { Imports } from './import-from-url.ts';
import { leaseJob } from './import-lease.ts';
import type { SafeFetch } from './safe-fetch/safe-fetch.ts';

const film = await readFile(
  fileURLToPath(new URL('../../../test/fixtures/clip.mp4', import.meta.url)),
);
// With a box of nothing behind, so that it goes on after the first bytes that are looked at.
const clip = Buffer.concat([
  film,
  Buffer.from([0, 3, 0, 0]),
  Buffer.from('free'),
  Buffer.alloc(0x30000 - 8),
]);
const half = 100_000;
const supportedTypes = ['image/png', 'video/mp4', 'application/pdf'];
const leaseMs = 150;
const never = new AbortController().signal;

/** What the web answers, one after the other; the last one stays. */
type Reply = () => ByteSource;

const whole: Reply = async function* () {
  yield clip;
};
const failing = (code: 'fetch_failed' | 'fetch_timeout', details = {}): Reply => {
  return () => {
    throw fail(code, { details });
  };
};

let dataDir: string;
let metadata: MetadataStore;
let stored: Map<string, number>;
let channel: Channel;
const closing: (() => Promise<void>)[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'stowage-import-'));
  metadata = await openMetadata({ dataDir, durability: 'normal' });
  await metadata.migrate();
  const memory = createMemoryChannel();
  stored = new Map();
  channel = {
    ...memory,
    async put(source, options) {
      const result = await memory.put(source, options);
      stored.set(String(result.ref), result.size);
      return result;
    },
    async delete(ref, options) {
      await memory.delete(ref, options);
      stored.delete(String(ref));
    },
  };
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) {
    await close();
  }
  await metadata.close();
  await rm(dataDir, { recursive: true });
});

interface Node {
  readonly start: (owner?: string) => Promise<string>;
  readonly runner: JobRunner;
  readonly fetches: () => number;
  /** Resolves when the web is asked for the `count`th time. */
  readonly asked: (count: number) => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly state: (
    id: string,
  ) => Promise<{ readonly state: string; readonly error: string | null } | undefined>;
  readonly cancel: (id: string) => Promise<boolean>;
}

/**
 * One process with its own web; all share database and channel. `dead` ones hear of nothing: their
 * leases run out.
 */
function node(replies: readonly Reply[], { runs = true, now = Date.now, dead = false } = {}): Node {
  const pool = createChannelPool({
    channels: [
      {
        id: 'm',
        type: 'memory',
        group: 'memory',
        label: 'Memory',
        name: 'm',
        enabled: true,
        weight: 1,
        channel,
      },
    ],
    usage: metadata.files.usage,
    fallbackOrder: [],
    loadBalance: false,
    routes: {},
  });
  const digests = createDigestService();
  const store: MetadataStore = dead
    ? { ...metadata, jobs: { ...metadata.jobs, retry: () => new Promise(() => undefined) } }
    : metadata;
  const access = createAccess({
    tokens: metadata.tokens,
    allowAnonymousUploads: false,
    brake: createAuthThrottle(now),
    now,
  });
  const intake = createIntake({ metadata, digests, spoolFolder: dataDir, now });
  const files = createFiles({ metadata, pool, intake, access, now });
  const openUploads = createOpenUploads({ uploads: metadata.uploads, access, max: 3 });
  const prober = createProber();
  const presigned = new PresignedUploads(
    {
      metadata,
      pool,
      intake,
      files,
      access,
      openUploads,
      prober,
      digests,
      now,
      log: silentLog,
    },
    { urlTtlSeconds: 60, strictSize: false, supportedTypes },
  );
  let fetches = 0;
  const waiting = new Map<number, PromiseWithResolvers<void>>();
  const turn = (count: number): PromiseWithResolvers<void> => {
    const known = waiting.get(count) ?? Promise.withResolvers<void>();
    waiting.set(count, known);
    return known;
  };
  const fetch: SafeFetch = {
    async open(_url, { signal }) {
      const reply = replies[Math.min(fetches, replies.length - 1)] ?? whole;
      turn(++fetches).resolve();
      return { size: undefined, source: until(reply(), signal), close: () => undefined };
    },
  };
  const imports = new Imports(
    {
      metadata: store,
      pool,
      intake,
      files,
      presigned,
      access,
      openUploads,
      prober,
      fetch,
      now,
      log: silentLog,
    },
    { maxImageBytes: 1e6, maxVideoBytes: 1e6, supportedTypes, leaseMs, retryMs: 10 },
  );
  const handlers = { ...storageJobs(pool, metadata.files), ...imports.handlers };
  const runner = createJobRunner({
    jobs: metadata.jobs,
    handlers,
    now,
    log: silentLog,
    pollMs: 20,
  });
  if (runs) {
    runner.start();
  }
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopping ??= runner.stop().then(() => (dead ? undefined : imports.stop())));
  closing.push(stop, () => digests.close());
  return {
    async start(owner = 'someone') {
      const request = {
        url: 'https://example.com/clip.mp4',
        filename: undefined,
        ip: null,
        signal: never,
      };
      const media = await imports.start(request, owner);
      if (media.state === 'ready') {
        throw new Error('A video cannot be ready at once.');
      }
      return media.upload.id;
    },
    runner,
    fetches: () => fetches,
    asked: (count) => turn(count).promise,
    stop,
    async state(id) {
      const media = await presigned.find(id);
      if (media === undefined) {
        return undefined;
      }
      return {
        state: media.state,
        error: media.state === 'ready' ? null : (media.details.error?.code ?? null),
      };
    },
    cancel: (id) => presigned.cancel(id),
  };
}

/** As a connection: the signal ends it with its reason, also in the middle of nothing coming. */
async function* until(source: ByteSource, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  if (signal.aborted) {
    reject(signal.reason);
  }
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  const iterator = source[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([iterator.next(), promise]);
    if (next.done) {
      return;
    }
    yield next.value;
  }
}

/** The first half; then nothing. */
const stalling: Reply = async function* () {
  yield clip.subarray(0, half);
  await new Promise(() => undefined);
};

/** The first half; the second when released. */
function pausing(): { readonly reply: Reply; readonly release: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const reply: Reply = async function* () {
    yield clip.subarray(0, half);
    await promise;
    yield clip.subarray(half);
  };
  return { reply, release: resolve };
}

const becomes = (on: Node, id: string, state: string, error: string | null = null): Promise<void> =>
  expect.poll(() => on.state(id), { timeout: 10_000, interval: 10 }).toEqual({ state, error });

const idle = (): Promise<void> =>
  expect.poll(() => metadata.jobs.count(), { timeout: 10_000, interval: 10 }).toBe(0);

describe('an import of a video', () => {
  it('leaves one object and no job', async () => {
    const one = node([whole]);
    const id = await one.start(await owner());
    await becomes(one, id, 'ready');
    await idle();
    expect([stored.size, one.fetches()]).toEqual([1, 2]);
  });

  it('keeps its lease as long as it runs, also against a clock that jumps ahead', async () => {
    let ahead = 0;
    const { reply: slow, release } = pausing();
    const one = node([whole, slow], { now: () => Date.now() + ahead, runs: false });
    const two = node([whole]);
    const id = await one.start(await owner());
    await one.asked(2);
    await new Promise((resolve) => setTimeout(resolve, 3 * leaseMs));
    expect(await one.state(id)).toEqual({ state: 'uploading', error: null });
    ahead = 3_600_000;
    await one.runner.drain();
    release();
    await becomes(one, id, 'ready');
    await idle();
    expect([one.fetches(), two.fetches(), stored.size]).toEqual([2, 0, 1]);
  });

  it('of a process that died is taken up by another, and the late one changes nothing', async () => {
    const { reply: late, release } = pausing();
    const dying = node([whole, late], { runs: false, dead: true });
    const other = node([whole]);
    const id = await dying.start(await owner());
    await becomes(other, id, 'ready');
    release();
    // The late one may be storing its copy while no job is left; it removes the copy by another.
    await expect
      .poll(async () => [stored.size, await metadata.jobs.count()], { timeout: 10_000 })
      .toEqual([1, 0]);
    expect(other.fetches()).toBe(1);
  });

  it('is left to others at once when the process is told to stop', async () => {
    const one = node([whole, stalling]);
    const id = await one.start(await owner());
    await one.asked(2);
    await one.stop();
    expect(await metadata.jobs.count()).toBe(1);
    const two = node([whole], { runs: false });
    // No lease has to run out first.
    await two.runner.drain();
    await becomes(two, id, 'ready');
    expect(stored.size).toBe(1);
  });

  it.each<[string, Reply, string]>([
    ['an unreachable host', failing('fetch_failed', { upstreamStatus: null }), 'fetch_failed'],
    ['an overloaded host', failing('fetch_failed', { upstreamStatus: 503 }), 'fetch_failed'],
    ['a slow host', failing('fetch_timeout'), 'fetch_timeout'],
  ])('is tried four times at %s', async (_what, reply, code) => {
    const one = node([whole, reply]);
    const id = await one.start(await owner());
    await becomes(one, id, 'failed', code);
    await idle();
    expect([one.fetches(), stored.size]).toEqual([5, 0]);
  });

  it('is tried once at an address that is gone', async () => {
    const one = node([whole, failing('fetch_failed', { upstreamStatus: 404 })]);
    const id = await one.start(await owner());
    await becomes(one, id, 'failed', 'fetch_failed');
    expect(one.fetches()).toBe(2);
  });

  it('that takes its process down again and again is given up', async () => {
    const one = node([whole, stalling], { runs: false, dead: true });
    const id = await one.start(await owner());
    const upload = await metadata.uploads.get(id);
    await metadata.jobs.add([
      leaseJob({ uploadId: id, version: upload?.version ?? 0, attempt: 5 }, 0),
    ]);
    const other = node([whole]);
    await becomes(other, id, 'failed', 'internal_error');
    expect(other.fetches()).toBe(0);
  });

  it('stops when it is deleted', async () => {
    const one = node([whole, stalling]);
    const id = await one.start(await owner());
    await one.asked(2);
    expect(await one.cancel(id)).toBe(true);
    await idle();
    expect(await one.state(id)).toBeUndefined();
    expect(stored.size).toBe(0);
  });

  it('stops when the token of its owner is revoked', async () => {
    const one = node([whole, stalling]);
    const token = await owner();
    const id = await one.start(token);
    await one.asked(2);
    await metadata.tokens.remove(token);
    await becomes(one, id, 'failed', 'unauthorized');
    await idle();
    expect(stored.size).toBe(0);
  });

  it('waits for a place when two of its owner are under way, and keeps its lease meanwhile; others do not wait', async () => {
    const { reply: slow, release } = pausing();
    const owners = await Promise.all([owner(), owner(), owner()]);
    const one = node([slow]);
    const heads = owners.flatMap((token) => [1, 2, 3].map(() => one.start(token)));
    const ids = await Promise.all(heads);
    await one.asked(15);
    await new Promise((resolve) => setTimeout(resolve, 2 * leaseMs));
    expect(one.fetches()).toBe(15);
    release();
    for (const id of ids) {
      await becomes(one, id, 'ready');
    }
    expect([one.fetches(), stored.size]).toEqual([18, 9]);
  });

  it('is refused when its owner has too many unfinished ones', async () => {
    const one = node([stalling]);
    const token = await owner();
    for (let count = 0; count < 3; count++) {
      await one.start(token);
    }
    await expect(one.start(token)).rejects.toMatchObject({ code: 'rate_limit_exceeded' });
  });

  it('needs no second fetch when only its last step failed', async () => {
    const { get } = channel;
    let broken = true;
    channel = {
      ...channel,
      get: (ref, options) =>
        broken ? Promise.reject(fail('channel_unavailable')) : get(ref, options),
    };
    const one = node([whole]);
    const id = await one.start(await owner());
    await expect
      .poll(async () => (await metadata.uploads.get(id))?.storageId, { interval: 5 })
      .toBeTruthy();
    broken = false;
    await becomes(one, id, 'ready');
    expect([one.fetches(), stored.size]).toEqual([2, 1]);
  });
});

async function owner(): Promise<string> {
  const access = createAccess({
    ...{
      tokens: metadata.tokens,
      allowAnonymousUploads: false,
      brake: createAuthThrottle(Date.now),
      now: Date.now,
    },
  });
  const { record } = await access.createToken({ name: 'test', permissions: allPermissions });
  return record.id;
}
