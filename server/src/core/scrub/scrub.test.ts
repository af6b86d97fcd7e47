import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  configured,
  createWorld,
  type Node,
  never,
  once,
  type WatchedChannel,
  type World,
  watchedChannel,
} from '../../../test/core-world.ts';
import { createMemoryChannel } from '../../channels/memory/index.ts';
import type { Ref } from '../channel.ts';
import { dayMs } from '../clock.ts';
import { fail } from '../errors.ts';
import { silentLog } from '../log.ts';
import type { Replica, Segment, StoredFile } from '../metadata.ts';
import { streamBody } from '../streams/body.ts';
import { createDigestService } from '../streams/digests.ts';
import { hashOf } from '../streams/hash.ts';
import { uuidv7 } from '../uuid.ts';
import type { ReplicaCheck } from './scrub-replicas.ts';
import { createScrubber, type ScrubberOptions } from './scrubber.ts';
import { createThrottle } from './throttle.ts';

/** A memory channel whose stored bytes can be tampered with. */
interface Disk extends WatchedChannel {
  readonly swapped: Map<string, Buffer>;
}

function disk(): Disk {
  const channel = watchedChannel(createMemoryChannel());
  const swapped = new Map<string, Buffer>();
  const { get } = channel;
  return {
    ...channel,
    swapped,
    async get(ref, options) {
      const bytes = swapped.get(String(ref));
      return bytes === undefined ? get(ref, options) : { stream: once(bytes), size: bytes.length };
    },
  };
}

let world: World;
let node: Node;
let first: Disk;
let second: Disk;
let checks: ReplicaCheck[];

beforeEach(async () => {
  [first, second] = [disk(), disk()];
  world = await createWorld({
    channels: [configured(first, 'first'), configured(second, 'second')],
  });
  node = world.node();
  checks = [];
});
const digests = createDigestService();
afterAll(() => digests.close());
afterEach(() => world.stop());

function scrubber(options: Partial<ScrubberOptions> = {}) {
  const { metadata, pool } = node;
  return createScrubber({
    ...{
      metadata,
      pool,
      spoolFolder: world.dataDir,
      digests,
      bytesPerSecond: 1e12,
      everyDays: 30,
      remote: false,
      now: world.now,
      log: silentLog,
    },
    onChecked: (check) => checks.push(check),
    ...options,
  });
}

async function put(channel: Disk, bytes: Buffer): Promise<Segment> {
  const { ref, size } = await channel.put(streamBody(once(bytes)), {
    key: uuidv7(0),
    contentType: 'text/plain',
    signal: never,
  });
  return { ref, size, hash: hashOf(bytes) };
}

let count = 0;

/** A file whose bytes lie on these channels, cut into so many segments on each. */
async function addFile(
  bytes: Buffer,
  places: readonly (readonly [name: string, channel: Disk, segments: number])[],
): Promise<StoredFile> {
  const blob = {
    id: uuidv7(world.now()),
    size: bytes.length,
    hash: hashOf(bytes),
    sha256: null,
    createdAt: 0,
  };
  let stored: StoredFile | undefined;
  for (const [channelId, channel, parts] of places) {
    const length = Math.ceil(bytes.length / parts);
    const segments: Segment[] = [];
    for (let at = 0; at < parts; at++) {
      segments.push(await put(channel, bytes.subarray(at * length, (at + 1) * length)));
    }
    const path = `file-${++count}.txt`;
    stored = await node.metadata.files.add({
      file: {
        ...{
          id: uuidv7(world.now()),
          filename: path,
          contentType: 'text/plain',
          width: null,
          height: null,
          durationSeconds: null,
        },
        ...{
          tags: [],
          listType: 'None',
          label: 'None',
          uploader: null,
          ip: null,
          givenOnce: false,
          createdAt: 0,
          updatedAt: 0,
          owner: 'owner',
        },
      },
      blob,
      replica: { blobId: blob.id, channelId, segments, state: 'ok' },
      path: (attempt) => (attempt === 0 ? path : undefined),
    });
  }
  if (stored === undefined) {
    throw new Error('Not added');
  }
  return stored;
}

const again = async ({ file }: StoredFile): Promise<StoredFile> => {
  const found = await node.files.get(file.id);
  if (found === undefined) {
    throw new Error('Gone');
  }
  return found;
};
const replicaOn = async (stored: StoredFile, channelId: string): Promise<Replica | undefined> =>
  (await again(stored)).replicas.find((replica) => replica.channelId === channelId);
const firstRef = (replica: Replica | undefined): Ref => replica?.segments[0]?.ref ?? null;
const open = async (stored: StoredFile) => world.read(node, await again(stored));

const text = Buffer.from('the bytes that were stored');
const wrong = Buffer.from('the bytes that were swapped'.slice(0, text.length));

describe('scrub', () => {
  it('notes when it has seen a good copy, and finds swapped bytes of the same size', async () => {
    const good = await addFile(text, [['first', first, 1]]);
    const bad = await addFile(text, [['first', first, 3]]);
    first.swapped.set(
      String((await replicaOn(bad, 'first'))?.segments[1]?.ref),
      Buffer.from('swapped!!'),
    );
    await scrubber().run();
    const page = await node.metadata.replicas.page({ channelIds: ['first'], limit: 10 });
    expect(page.map(({ blobId, state, verifiedAt }) => [blobId, state, verifiedAt])).toEqual([
      [good.blob.id, 'ok', world.now()],
      [bad.blob.id, 'damaged', world.now()],
    ]);
    expect(await open(good)).toEqual(text);
    await expect(open(bad)).rejects.toMatchObject({ code: 'content_damaged', status: 500 });
    expect(checks.map(({ verdict }) => verdict)).toEqual(['ok', 'damaged']);
  });

  const faults: readonly (readonly [
    string,
    'damaged' | 'missing',
    (ref: Ref) => void | Promise<void>,
  ])[] = [
    ['swapped bytes', 'damaged', (ref: Ref) => void first.swapped.set(String(ref), wrong)],
    [
      'a shorter object',
      'damaged',
      (ref: Ref) => void first.swapped.set(String(ref), text.subarray(1)),
    ],
    ['a lost object', 'missing', (ref: Ref) => first.delete(ref, { signal: never })],
  ];
  it.each(faults)(
    'repairs %s from another replica, and removes what was bad',
    async (_, verdict, spoil) => {
      const stored = await addFile(text, [
        ['first', first, 1],
        ['second', second, 2],
      ]);
      const bad = firstRef(await replicaOn(stored, 'first'));
      await spoil(bad);
      await scrubber().run();
      expect(checks.find(({ channel }) => channel === 'first')).toMatchObject({
        verdict,
        isRepaired: true,
      });
      const repaired = await replicaOn(stored, 'first');
      expect(repaired).toMatchObject({
        state: 'ok',
        segments: [{ size: text.length, hash: hashOf(text) }],
      });
      expect(firstRef(repaired)).not.toEqual(bad);
      second.get = () => Promise.reject(fail('channel_unavailable'));
      expect(await open(stored)).toEqual(text);
      await node.jobs.drain();
      expect([...first.refs]).toEqual([String(firstRef(repaired))]);
      expect(await node.metadata.replicas.countBroken()).toBe(0);
    },
  );

  it('never repairs from a replica that is no better, and reads the good one meanwhile', async () => {
    const stored = await addFile(text, [
      ['first', first, 1],
      ['second', second, 1],
    ]);
    first.swapped.set(String(firstRef(await replicaOn(stored, 'first'))), wrong);
    second.swapped.set(String(firstRef(await replicaOn(stored, 'second'))), wrong);
    await scrubber().run();
    expect((await again(stored)).replicas.map(({ state }) => state)).toEqual([
      'damaged',
      'damaged',
    ]);
    expect([first.refs.size, second.refs.size]).toEqual([1, 1]);
    await expect(open(stored)).rejects.toMatchObject({ code: 'content_damaged' });
    second.swapped.clear();
    world.advance(31 * dayMs);
    await scrubber().run();
    expect(await open(stored)).toEqual(text);
    second.get = () => Promise.reject(fail('channel_unavailable'));
    expect(await open(stored)).toEqual(text);
  });

  it('keeps reading a copy that was missing once, as the last choice', async () => {
    const stored = await addFile(text, [['first', first, 1]]);
    const replica = await replicaOn(stored, 'first');
    if (replica) {
      await node.metadata.replicas.mark([{ ...replica, state: 'missing', verifiedAt: 1 }]);
    }
    expect(await open(stored)).toEqual(text);
  });

  it('says nothing of bytes when the channel does not answer', async () => {
    const stored = await addFile(text, [['first', first, 1]]);
    first.get = () => Promise.reject(fail('channel_unavailable'));
    await scrubber().run();
    expect(checks).toMatchObject([{ verdict: 'unknown' }]);
    expect(await replicaOn(stored, 'first')).toMatchObject({ state: 'ok' });
  });

  it('believes damage only when it sees it twice', async () => {
    const stored = await addFile(text, [['first', first, 1]]);
    const { get } = first;
    let reads = 0;
    first.get = async (ref, options) =>
      reads++ === 0 ? { stream: once(wrong), size: wrong.length } : get(ref, options);
    await scrubber().run();
    expect([reads, (await replicaOn(stored, 'first'))?.state]).toEqual([2, 'ok']);
  });

  it('passes over a file that is deleted while it is read', async () => {
    const stored = await addFile(text, [['first', first, 1]]);
    first.get = async () => {
      await node.files.remove(stored.file.id);
      throw fail('not_found');
    };
    await scrubber().run();
    expect(checks).toEqual([]);
  });

  it('checks remote channels only when told to', async () => {
    const remote = watchedChannel({ ...createMemoryChannel(), remote: true });
    const channels = [configured(first, 'first'), configured(remote, 'remote')];
    await addFile(text, [
      ['first', first, 1],
      ['remote', Object.assign(remote, { swapped: new Map() }), 1],
    ]);
    const own = world.node({ channels });
    const run = (options: Partial<ScrubberOptions>) =>
      scrubber({ pool: own.pool, ...options }).run();
    await run({});
    expect(checks.map(({ channel }) => channel)).toEqual(['first']);
    world.advance(31 * dayMs);
    await run({ remote: true });
    expect(checks.map(({ channel }) => channel)).toEqual(['first', 'first', 'remote']);
  });

  it('resumes where a stop left it, rests until the next round is due, and then checks all again', async () => {
    for (let index = 0; index < 250; index++) {
      await addFile(Buffer.from(`file ${index}`), [['first', first, 1]]);
    }
    const stopped = scrubber({
      onChecked(check) {
        checks.push(check);
        if (checks.length === 150) {
          void stopped.stop();
        }
      },
    });
    await expect(stopped.run()).rejects.toThrow();
    const cut = checks.length;
    await scrubber().run();
    // The interrupted page is read again, earlier ones are not.
    expect([cut, checks.length]).toEqual([150, 150 + 150]);
    await scrubber().run();
    world.advance(29 * dayMs);
    await scrubber().run();
    expect(checks).toHaveLength(300);
    world.advance(2 * dayMs);
    await scrubber().run();
    expect(checks).toHaveLength(550);
  });

  it('leaves the work to the node that has begun it', async () => {
    await addFile(text, [['first', first, 1]]);
    const { leases } = node.metadata;
    await leases.take({
      name: 'scrub',
      owner: 'another node',
      now: world.now(),
      until: world.now() + 1000,
    });
    await scrubber().run();
    expect(checks).toEqual([]);
    world.advance(1000);
    await scrubber().run();
    expect(checks).toHaveLength(1);
    expect(await leases.isHeld('scrub', world.now())).toBe(false);
  });
});

it('the throttle lets so many bytes a second pass', async () => {
  const throttle = createThrottle(1_000_000);
  const started = performance.now();
  for (let index = 0; index < 30; index++) {
    await throttle.take(10_000, never);
  }
  const tookMs = performance.now() - started;
  expect(tookMs).toBeGreaterThan(270);
  await expect(throttle.take(1e9, AbortSignal.timeout(10))).rejects.toThrow();
});
