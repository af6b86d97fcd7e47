import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  configured,
  createWorld,
  type Node,
  never,
  once,
  pdf,
  presignRequest,
  transfer,
  type World,
  type WorldOptions,
  watchedChannel,
} from '../../../test/core-world.ts';
import { createLocalChannel } from '../../channels/local/index.ts';
import type { Caller } from '../access/access.ts';
import type { Channel } from '../channel.ts';
import { dayMs, hourMs, minuteMs } from '../clock.ts';
import { fail } from '../errors.ts';
import { silentLog } from '../log.ts';
import type { IntakeResult } from '../storage/intake.ts';
import { createMaintenance } from './maintenance.ts';

let world: World;
let node: Node;
afterEach(() => world.stop());

async function open(options: WorldOptions): Promise<void> {
  world = await createWorld({ maxOpenUploads: 1e6, ...options });
  node = world.node();
}

async function openWithDisk(): Promise<void> {
  const channels: ReturnType<typeof configured>[] = [];
  await open({ channels });
  channels.push(configured(disk()));
  node = world.node();
}

/**
 * The channel as another process would open it. Not using the first one again simulates a crash.
 */
function disk(): Channel {
  return createLocalChannel({}, { dataDir: world.dataDir, log: silentLog } as never);
}

async function filesOnDisk(): Promise<number> {
  const entries = await readdir(join(world.dataDir, 'objects'), {
    recursive: true,
    withFileTypes: true,
  });
  return entries.filter((entry) => entry.isFile()).length;
}

/** Many callers with many uploads that are never completed. */
async function abandon(count: number, bytesOf: (id: string) => Uint8Array): Promise<void> {
  const newCaller = async (): Promise<Caller> => {
    const { record } = await node.access.createToken({ name: 'many', permissions: ['upload'] });
    return { ...world.caller, owner: record.id };
  };
  let left = count;
  const work = async (): Promise<void> => {
    const caller = await newCaller();
    while (left-- > 0) {
      const { upload } = await node.presigned.start(presignRequest(), caller);
      await node.presigned.receive(transfer(upload.id, bytesOf(upload.id), world.now()));
    }
  };
  await Promise.all(Array.from({ length: 50 }, work));
}

describe('sweep (R10)', () => {
  it('10,000 abandoned uploads are gone soon, with their bytes', async () => {
    const channel = watchedChannel();
    await open({ channels: [configured(channel)] });
    await abandon(10_000, (id) => pdf(id));
    expect(channel.refs.size).toBe(10_000);
    world.advance(2 * dayMs);
    const startedAt = performance.now();
    expect(await node.maintenance.sweep()).toBe(10_000);
    await node.jobs.drain();
    expect(channel.refs.size).toBe(0);
    expect(await world.metadata.jobs.count()).toBe(0);
    expect(
      await world.metadata.uploads.list({
        kinds: ['presigned'],
        states: ['open'],
        limit: 1,
        offset: 0,
      }),
    ).toMatchObject({
      total: 0,
    });
    expect(await world.metadata.files.usage('main')).toEqual({ bytes: 0, blobs: 0 });
    // Takes 3 s on a quiet machine.
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  }, 60_000);

  it('the disk is as it was before', async () => {
    await openWithDisk();
    await abandon(300, (id) => pdf(id, 3000));
    expect(await filesOnDisk()).toBeGreaterThanOrEqual(300);
    world.advance(2 * dayMs);
    await node.maintenance.sweep();
    await node.jobs.drain();
    await world.node().maintenance.reclaim();
    expect(await filesOnDisk()).toBe(0);
  });

  it('one upload that cannot be removed does not keep the others', async () => {
    await open({});
    await abandon(450, (id) => pdf(id));
    let stuck = true;
    const { items } = await world.metadata.uploads.list({
      kinds: ['presigned'],
      states: ['open'],
      limit: 220,
      offset: 200,
    });
    const poisoned = new Set(items.map(({ id }) => id));
    const maintenance = createMaintenance({
      metadata: world.metadata,
      pool: node.pool,
      removeExpired: {
        ...{ import: async () => false, direct: async () => false, chunked: async () => false },
        presigned: (upload) => {
          if (stuck && poisoned.has(upload.id)) {
            throw fail('channel_unavailable');
          }
          return node.presigned.removeExpired(upload);
        },
      },
      now: world.now,
      log: silentLog,
    });
    world.advance(2 * dayMs);
    expect(await maintenance.sweep()).toBe(230);
    stuck = false;
    expect(await maintenance.sweep()).toBe(0);
    world.advance(hourMs + minuteMs);
    expect(await maintenance.sweep()).toBe(220);
  });

  it('several nodes at once sweep each upload once', async () => {
    const channel = watchedChannel();
    await open({ channels: [configured(channel)] });
    await abandon(300, (id) => pdf(id));
    world.advance(2 * dayMs);
    const nodes = [node, world.node(), world.node()];
    const swept = await Promise.all(nodes.map(({ maintenance }) => maintenance.sweep()));
    expect(swept.reduce((sum, count) => sum + count, 0)).toBe(300);
    await Promise.all(nodes.map(({ jobs }) => jobs.drain()));
    expect(channel.refs.size).toBe(0);
  });

  it('takes idempotency keys and tokens that are past their time along', async () => {
    await open({});
    const entry = {
      owner: 'me',
      key: 'key',
      requestHash: '1',
      now: world.now(),
      claimMs: minuteMs,
      expiresAt: world.now() + dayMs,
    };
    await world.metadata.idempotency.begin(entry);
    const { record } = await node.access.createToken({
      ...{ name: 'short', permissions: ['upload'], autoDelete: true },
      expiresAt: world.now() + dayMs,
    });
    await node.maintenance.sweep();
    expect(await world.metadata.tokens.get(record.id)).toBeDefined();
    world.advance(dayMs + 1);
    await node.maintenance.sweep();
    expect(await world.metadata.tokens.get(record.id)).toBeUndefined();
    expect(
      await world.metadata.idempotency.begin({ ...entry, requestHash: '2', now: world.now() }),
    ).toEqual({
      state: 'claimed',
    });
  });
});

describe('reclaim', () => {
  const store = (on: Node, text: string): Promise<IntakeResult> =>
    on.intake.store({
      ...{
        source: once(pdf(text)),
        filename: 'a.pdf',
        declaredType: 'application/pdf',
        signal: never,
      },
      candidates: [{ group: '', channel: on.pool.byId('main') }],
    });
  const add = (on: Node, bytes: IntakeResult) =>
    on.files.add({
      ...{
        bytes,
        filename: 'a.pdf',
        contentType: 'application/pdf',
        uploader: null,
        promisedTo: world.caller.owner,
        ip: null,
        givenOnce: true,
      },
      path: () => `${bytes.storageId}.pdf`,
    });

  it('a crash between storing and the row leaves nothing, one between the row and settling loses nothing', async () => {
    await openWithDisk();
    // The earlier processes, whose channels are never used again.
    const first = world.node();
    await store(first, 'stored only');
    const promised = await store(first, 'promised');
    const settle = first.pool.byId('main').channel.settle;
    expect(settle).toBeDefined();
    const unsettled = {
      ...promised,
      channel: {
        ...promised.channel,
        channel: { ...promised.channel.channel, settle: async () => {} },
      },
    };
    const kept = await add(first, unsettled);
    const done = await add(first, await store(first, 'done'));

    expect(await node.maintenance.reclaim()).toBe(1);
    for (const stored of [kept, done]) {
      if (stored === undefined) {
        throw new Error('The file is missing.');
      }
      expect((await world.read(node, stored)).length).toBe(stored.file.size);
    }
    expect(await filesOnDisk()).toBe(2);
    expect(await node.maintenance.reclaim()).toBe(0);
  });

  it('knows bytes of uploads that nobody has completed yet', async () => {
    await openWithDisk();
    const { upload } = await node.presigned.start(presignRequest(), world.caller);
    const { channel } = node.pool.byId('main');
    const { settle } = channel;
    Object.assign(channel, { settle: async () => {} });
    await node.presigned.receive(transfer(upload.id, pdf('received'), world.now()));
    Object.assign(channel, { settle });
    expect(await node.maintenance.reclaim()).toBe(0);
    const { stored } = await node.presigned.complete(upload.id, world.caller);
    expect(await world.read(node, stored)).toEqual(pdf('received'));
  });

  it('an object that cannot be removed now keeps nobody from starting', async () => {
    await openWithDisk();
    await store(node, 'one');
    await store(node, 'two');
    const { channel } = node.pool.byId('main');
    const { delete: remove } = channel;
    let failures = 1;
    Object.assign(channel, {
      delete: (...args: Parameters<Channel['delete']>) =>
        failures-- > 0 ? Promise.reject(fail('channel_unavailable')) : remove(...args),
    });
    expect(await node.maintenance.reclaim()).toBe(1);
    expect(await node.maintenance.reclaim()).toBe(1);
    expect(await filesOnDisk()).toBe(0);
  });

  it('on a remote store the note written before does it: after a crash the object goes, unless a row promises it', async () => {
    const channel = watchedChannel();
    await open({ channels: [configured({ ...channel, remote: true })] });
    await store(node, 'orphan');
    const { stored } = { stored: await add(node, await store(node, 'promised')) };
    expect(channel.refs.size).toBe(2);
    world.advance(8 * dayMs);
    await node.jobs.drain();
    expect(channel.refs.size).toBe(1);
    if (stored === undefined) {
      throw new Error('The file is missing.');
    }
    expect(await world.read(node, stored)).toEqual(pdf('promised'));
    expect(await world.metadata.jobs.count()).toBe(0);
  });
});
