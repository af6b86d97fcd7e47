import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryChannel } from '../../../channels/memory/index.ts';
import { openMetadata } from '../../../metadata/index.ts';
import type { Caller } from '../../access/access.ts';
import type { ByteSource } from '../../bytes.ts';
import type { Channel } from '../../channel.ts';
import { hourMs } from '../../clock.ts';
import { fail } from '../../errors.ts';
import { createJobRunner, type JobRunner } from '../../jobs/job-runner.ts';
import { createFiles } from '../../library/files.ts';
import { createMaintenance, type Maintenance } from '../../library/maintenance.ts';
import { silentLog } from '../../log.ts';
import type { MetadataStore, Upload } from '../../metadata.ts';
import { createChannelPool } from '../../storage/channel-pool.ts';
import { storageJobs } from '../../storage/cleanup-jobs.ts';
import { createIntake } from '../../storage/intake.ts';
import { createDigestService } from '../../streams/digests.ts';
import { readAll } from '../../streams/peek.ts';
import { createOpenUploads } from '../open-uploads.ts';
import { ChunkedUploads } from './chunked-uploads.ts';
import { KeptChunks } from './kept-chunks.ts';

const ttlMs = 2 * hourMs;
const signal = new AbortController().signal;
const caller: Caller = { owner: 'me', permissions: new Set(['upload']), token: undefined };

let dataDir: string;
let metadata: MetadataStore;
let clock: { at: number };
let objects: Set<string>;
let chunked: ChunkedUploads;
let otherNode: ChunkedUploads;
let maintenance: Maintenance;
let jobs: JobRunner;
let content: (path: string) => Promise<string>;
let allowed = true;
let settles = true;
let storing: (() => void) | undefined;
const digests = createDigestService();

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'stowage-chunked-'));
  metadata = await openMetadata({ dataDir, durability: 'normal' });
  await metadata.migrate();
  clock = { at: 1_800_000_000_000 };
  objects = new Set();
  storing = undefined;
  allowed = true;
  settles = true;
  const settled = async (): Promise<void> => {
    if (!settles) {
      throw fail('service_unavailable');
    }
  };
  const access = { mayUpload: async (owner: string) => allowed && owner !== 'revoked' };
  const now = () => clock.at;
  const channel = noting(createMemoryChannel());
  const pool = createChannelPool({
    channels: [
      {
        id: 'c',
        type: 'local',
        group: 'local',
        label: 'Local',
        name: 'c',
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
  const intake = createIntake({ metadata, digests, spoolFolder: dataDir, now });
  const files = createFiles({ metadata, pool, intake, access, now });
  const openUploads = createOpenUploads({ uploads: metadata.uploads, access, max: 500 });
  const node = () =>
    new ChunkedUploads({
      metadata: { ...metadata, settled },
      pool,
      intake,
      files,
      access,
      openUploads,
      spoolFolder: dataDir,
      digests,
      kept: new KeptChunks({ folder: join(dataDir, 'kept'), maxBytes: 1e6 }),
      now,
      maxChunks: 100,
      maxUploadBytes: 1000,
      ttlMs,
    });
  chunked = node();
  otherNode = node();
  const remove = (upload: Upload) => chunked.removeExpired(upload);
  const removeExpired = { presigned: remove, import: remove, chunked: remove, direct: remove };
  maintenance = createMaintenance({ metadata, pool, removeExpired, now, log: silentLog });
  jobs = createJobRunner({
    jobs: metadata.jobs,
    handlers: storageJobs(pool, metadata.files),
    now,
    log: silentLog,
  });
  content = async (path) => {
    const stored = await files.getByPath(path);
    if (stored === undefined) {
      throw new Error(`${path} is not there`);
    }
    return String(await readAll((await files.open(stored, { signal })).stream));
  };
});

afterEach(async () => {
  await jobs.stop();
  await metadata.close();
  await rm(dataDir, { recursive: true });
});

afterAll(() => digests.close());

function noting(channel: Channel): Channel {
  return {
    ...channel,
    async put(source, options) {
      storing?.();
      const result = await channel.put(source, options);
      objects.add(String(result.ref));
      return result;
    },
    async delete(ref, options) {
      await channel.delete(ref, options);
      objects.delete(String(ref));
    },
  };
}

const init = (totalChunks = 2, filename = 'a.txt') =>
  chunked.init(
    {
      filename,
      contentType: 'text/plain',
      totalChunks,
      choice: { fallback: true },
      ip: null,
      nameMode: 'origin',
    },
    caller,
  );
const stepOf = (upload: Upload, totalChunks = 2, filename = 'a.txt') => ({
  uploadId: upload.id,
  filename,
  totalChunks,
});
const put = (upload: Upload, index: number, bytes: string | ByteSource, node = chunked) =>
  node.put(
    { ...stepOf(upload), index, body: typeof bytes === 'string' ? source(bytes) : bytes, signal },
    caller,
  );
const merge = (upload: Upload, node = chunked) => node.merge(stepOf(upload), caller);
const sweep = async () => {
  await maintenance.sweep();
  await jobs.drain();
};

async function* source(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

/** A body that waits for `go` before its last byte. */
function slow(text: string) {
  const [begun, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  async function* read(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text.slice(0, -1));
    begun.resolve();
    await go.promise;
    yield Buffer.from(text.slice(-1));
  }
  return { source: read(), begun: begun.promise, go: go.resolve };
}

describe('a merge', () => {
  it('that was done before is told again only once it is on the disk', async () => {
    const upload = await init();
    await put(upload, 0, 'one ');
    await put(upload, 1, 'two');
    const { stored } = await merge(upload);
    settles = false;
    await expect(merge(upload, otherNode)).rejects.toMatchObject({ code: 'service_unavailable' });
    settles = true;
    expect((await merge(upload, otherNode)).stored.file.id).toBe(stored.file.id);
  });
});

describe('expiry', () => {
  it('comes when nothing happened for the time to live, not earlier', async () => {
    const upload = await init();
    clock.at += ttlMs - 1;
    await put(upload, 0, 'one ');
    clock.at += ttlMs;
    await put(upload, 1, 'two');
    clock.at += ttlMs;
    await sweep();
    expect((await merge(upload)).stored.file.path).toBe('a.txt');
    expect(await content('a.txt')).toBe('one two');
  });

  it('is told as such before the sweep, and as unknown after it', async () => {
    const upload = await init();
    await put(upload, 0, 'one');
    clock.at += ttlMs + 1;
    const expired = { refusal: { reason: 'expired' }, status: 410 };
    await expect(put(upload, 1, 'two')).rejects.toMatchObject(expired);
    await expect(merge(upload)).rejects.toMatchObject(expired);
    await expect(chunked.status(upload.id, caller)).rejects.toMatchObject(expired);
    await sweep();
    const unknown = { refusal: { reason: 'no_session' }, status: 400 };
    await expect(put(upload, 1, 'two')).rejects.toMatchObject(unknown);
    await expect(merge(upload)).rejects.toMatchObject(unknown);
    expect(objects.size).toBe(0);
  });

  it('gives back what hundreds of abandoned uploads took (R10)', async () => {
    const uploads = await Promise.all(Array.from({ length: 300 }, () => init()));
    await Promise.all(uploads.map((upload) => put(upload, 0, 'abandoned')));
    const living = await init();
    clock.at += ttlMs / 2;
    await put(living, 0, 'alive');
    clock.at += ttlMs / 2 + 1;
    expect(objects.size).toBe(301);
    await sweep();
    expect(objects.size).toBe(1);
    expect(await metadata.jobs.count()).toBe(0);
    expect((await chunked.status(living.id, caller)).stored).toEqual([0]);
  });

  it('does not depend on a clock that goes back a day (R9)', async () => {
    const upload = await init();
    await put(upload, 0, 'one ');
    clock.at -= 24 * hourMs;
    await put(upload, 1, 'two');
    await sweep();
    expect(await content((await merge(upload)).stored.file.path)).toBe('one two');
  });

  it('of the answer comes a day after the merge, and leaves the file', async () => {
    const upload = await init();
    await put(upload, 0, 'one ');
    await put(upload, 1, 'two');
    const { stored } = await merge(upload);
    clock.at += 23 * hourMs;
    await sweep();
    expect((await merge(upload)).stored.file.id).toBe(stored.file.id);
    clock.at += 2 * hourMs;
    await sweep();
    await expect(merge(upload)).rejects.toMatchObject({ refusal: { reason: 'no_session' } });
    expect(await content('a.txt')).toBe('one two');
    expect(objects.size).toBe(2);
  });
});

describe('the same chunk on two nodes', () => {
  it('counts for both senders, and the last to end stays (R3)', async () => {
    const upload = await init(1);
    const step = { ...stepOf(upload, 1), index: 0, signal };
    const [first, second] = [slow('first'), slow('second')];
    const sendingFirst = chunked.put({ ...step, body: first.source }, caller);
    await first.begun;
    const sendingSecond = otherNode.put({ ...step, body: second.source }, caller);
    await second.begun;
    // Its pending row is gone: the second one's stands there.
    first.go();
    await sendingFirst;
    expect((await chunked.status(upload.id, caller)).stored).toEqual([0]);
    second.go();
    await sendingSecond;
    const { stored } = await chunked.merge(stepOf(upload, 1), caller);
    expect(await content(stored.file.path)).toBe('second');
    await jobs.drain();
    expect(objects.size).toBe(1);
  });

  it('merged on both at once is one file (R5)', async () => {
    const upload = await init();
    await put(upload, 0, 'a', chunked);
    await put(upload, 1, 'b', otherNode);
    const merged = await Promise.all(
      [chunked, otherNode, chunked, otherNode].map((node) => merge(upload, node)),
    );
    expect(new Set(merged.map(({ stored }) => stored.file.id)).size).toBe(1);
  });
});

describe('a chunk that cannot be stored', () => {
  it('is not counted, leaves nothing, and may be sent again', async () => {
    const upload = await init();
    storing = () => {
      throw fail('disk_full');
    };
    await expect(put(upload, 0, 'x')).rejects.toMatchObject({ code: 'disk_full' });
    storing = undefined;
    expect(await metadata.uploads.parts(upload.id)).toEqual([]);
    await put(upload, 0, 'one ');
    await put(upload, 1, 'two');
    expect(await content((await merge(upload)).stored.file.path)).toBe('one two');
  });

  it('because the upload was given up meanwhile, is removed again', async () => {
    const upload = await init();
    const late = slow('late');
    const sending = put(upload, 0, late.source);
    await late.begun;
    await chunked.cleanup(upload.id, caller);
    late.go();
    await expect(sending).rejects.toMatchObject({ refusal: { reason: 'no_session' } });
    await jobs.drain();
    expect(objects.size).toBe(0);
  });

  it('because it comes after the merge, changes nothing', async () => {
    const upload = await init();
    await put(upload, 0, 'one ');
    await put(upload, 1, 'two');
    const late = slow('late');
    const sending = put(upload, 0, late.source);
    await late.begun;
    const { stored } = await merge(upload);
    late.go();
    await expect(sending).rejects.toMatchObject({ refusal: { reason: 'no_session' } });
    await jobs.drain();
    expect(await content(stored.file.path)).toBe('one two');
    expect(objects.size).toBe(2);
  });
});

describe('a merge', () => {
  it('that lacks chunks names them and keeps the rest', async () => {
    const upload = await chunked.init(
      { filename: 'a.txt', contentType: '', totalChunks: 50, choice: { fallback: true }, ip: null },
      caller,
    );
    const step = { ...stepOf(upload, 50), signal };
    await chunked.put({ ...step, index: 7, body: source('x') }, caller);
    await expect(chunked.merge(step, caller)).rejects.toMatchObject({
      code: 'chunks_missing',
      refusal: {
        reason: 'incomplete',
        totalChunks: 50,
        missing: Array.from({ length: 50 }, (_, index) => index).filter((index) => index !== 7),
      },
    });
    expect((await chunked.status(upload.id, caller)).stored).toEqual([7]);
  });

  it('does not wait for a chunk whose sender died with its server', async () => {
    const upload = await init(1);
    const pending = {
      uploadId: upload.id,
      index: 0,
      storageId: 'dead',
      size: 0,
      segments: [],
      native: null,
      hash: '',
    };
    await metadata.uploads.putPart({ ...pending, state: 'pending', updatedAt: clock.at }, clock.at);
    clock.at += 61_000;
    await expect(chunked.merge(stepOf(upload, 1), caller)).rejects.toMatchObject({
      refusal: { reason: 'incomplete', missing: [0] },
    });
  });
});

describe('limits', () => {
  it('let one caller begin so many uploads, however many at once', async () => {
    const begun = await Promise.allSettled(Array.from({ length: 520 }, () => init()));
    expect(begun.filter(({ status }) => status === 'fulfilled')).toHaveLength(500);
    expect(begun.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'rate_limit_exceeded' },
    });
  });

  it('let all chunks together have as many bytes as a file, and leave nothing of what is too much', async () => {
    const upload = await init(3);
    const send = (index: number, size: number) =>
      chunked.put({ ...stepOf(upload, 3), index, body: source('x'.repeat(size)), signal }, caller);
    await send(0, 600);
    await expect(send(1, 401)).rejects.toMatchObject({ code: 'too_large' });
    await send(1, 400);
    await expect(send(2, 1)).rejects.toMatchObject({ code: 'too_large' });
    // What is sent again takes the place of what it replaces.
    await expect(send(0, 601)).rejects.toMatchObject({ code: 'too_large' });
    await send(0, 500);
    await send(2, 100);
    await sweep();
    expect(objects.size).toBe(3);
  });

  it('hold for chunks that come at once', async () => {
    const upload = await init(3);
    const bodies = [0, 1, 2].map(() => slow('x'.repeat(400)));
    const puts = bodies.map(({ source: body }, index) =>
      chunked.put({ ...stepOf(upload, 3), index, body, signal }, caller),
    );
    await Promise.all(bodies.map(({ begun }) => begun));
    for (const { go } of bodies) {
      go();
    }
    const results = await Promise.allSettled(puts);
    expect(results.map(({ status }) => status).toSorted()).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
    ]);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'too_large' },
    });
    await sweep();
    expect(objects.size).toBe(2);
  });
});

describe('a caller who may not upload any more', () => {
  it('begins nothing', async () => {
    allowed = false;
    await expect(init()).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('is refused a chunk that comes in, which is removed', async () => {
    const upload = await init();
    const body = slow('hello');
    const sent = put(upload, 0, body.source);
    await body.begun;
    allowed = false;
    body.go();
    await expect(sent).rejects.toMatchObject({ code: 'unauthorized' });
    await sweep();
    expect(objects.size).toBe(0);
    expect(await metadata.uploads.parts(upload.id)).toEqual([]);
  });

  it('is refused a chunk of an upload that was begun with the code, too', async () => {
    const household: Caller = { ...caller, owner: 'authCode' };
    const wishes = {
      filename: 'a.txt',
      contentType: 'text/plain',
      totalChunks: 2,
      ip: null,
    } as const;
    const upload = await chunked.init({ ...wishes, choice: { fallback: true } }, household);
    const send = (owner: string) =>
      chunked.put({ ...stepOf(upload), index: 0, body: source('x'), signal }, { ...caller, owner });
    await expect(send('revoked')).rejects.toMatchObject({ code: 'unauthorized' });
    await send('another token');
  });

  it('is refused the merge, and nothing stays', async () => {
    const upload = await init();
    await put(upload, 0, 'a');
    await put(upload, 1, 'b');
    allowed = false;
    await expect(merge(upload)).rejects.toMatchObject({ code: 'unauthorized' });
    await sweep();
    expect(objects.size).toBe(0);
    expect(await metadata.uploads.get(upload.id)).toBeUndefined();
  });
});
