import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  configured,
  createWorld,
  type Node,
  never,
  once,
  slowBody,
  type WatchedChannel,
  type World,
  watchedChannel,
} from '../../../test/core-world.ts';
import { partsChannel } from '../../../test/parts-channel.ts';
import type { ByteSource } from '../bytes.ts';
import type { Channel } from '../channel.ts';
import { type ErrorCode, fail } from '../errors.ts';
import { readAll } from '../streams/peek.ts';
import type { IntakeRequest } from './intake.ts';

let world: World;
let node: Node;
afterEach(() => world.stop());

async function open(...channels: readonly Channel[]): Promise<void> {
  world = await createWorld({
    channels: channels.map((channel, at) => configured(channel, `c${at}`, `g${at}`)),
  });
  node = world.node();
}

const remote = (limits: Channel['limits'] = {}): WatchedChannel =>
  Object.assign(watchedChannel(), { remote: true, limits });
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Takes some bytes and refuses. */
function refusing(
  channel: WatchedChannel,
  afterBytes: number,
  code: ErrorCode = 'channel_refused',
): WatchedChannel {
  channel.put = async (body) => {
    let read = 0;
    if (afterBytes > 0) {
      for await (const chunk of body.open()) {
        read += chunk.length;
        if (read >= afterBytes) {
          break;
        }
      }
    }
    throw fail(code, { message: `${code} it is` });
  };
  return channel;
}

function request(source: ByteSource, more: Partial<IntakeRequest> = {}): IntakeRequest {
  const candidates = node.pool.all().map((channel) => ({ group: channel.group, channel }));
  return {
    source,
    filename: 'a.bin',
    declaredType: 'application/octet-stream',
    candidates,
    signal: never,
    ...more,
  };
}

async function* inChunks(bytes: Uint8Array, size: number): ByteSource {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

async function settled(...channels: readonly WatchedChannel[]): Promise<readonly number[]> {
  await node.jobs.drain();
  return channels.map(({ refs }) => refs.size);
}

/** Only what is due in a week is left of the notes; temporary files are none. */
async function expectClean(): Promise<void> {
  expect(await world.metadata.jobs.count()).toBe(0);
  expect((await readdir(world.dataDir)).filter((name) => name.startsWith('spool-'))).toEqual([]);
}

const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7919) >> 3));

describe('fallback', () => {
  it('the next channel gets the same bytes, however far the first one got', async () => {
    await open(remote(), remote());
    const [first, second] = node.pool.all().map(({ channel }) => channel as WatchedChannel) as [
      WatchedChannel,
      WatchedChannel,
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length),
        fc.integer({ min: 500, max: 100_000 }),
        fc.nat(bytes.length + 10),
        async (length, chunk, afterBytes) => {
          refusing(first, afterBytes);
          const sent = bytes.subarray(0, length);
          const result = await node.intake.store(
            request(inChunks(sent, chunk), { expected: { sha256: sha256(sent) } }),
          );
          expect(result.channel.id).toBe('c1');
          const [segment] = result.segments;
          const back = await readAll(
            (await second.get(segment?.ref ?? null, { signal: never })).stream,
          );
          expect(back.equals(sent)).toBe(true);
          expect(result.size).toBe(length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('from the local disk works as long as it has not taken anything', async () => {
    const local = refusing(watchedChannel(), 0, 'disk_full');
    const other = remote();
    await open(local, other);
    const result = await node.intake.store(request(inChunks(bytes, 10_000)));
    expect(result.channel.id).toBe('c1');
    expect(await settled(local, other)).toEqual([0, 1]);
  });

  it('from the local disk is impossible later: nobody gets half a file', async () => {
    const local = refusing(watchedChannel(), 200_000, 'disk_full');
    const other = remote();
    await open(local, other);
    await expect(node.intake.store(request(inChunks(bytes, 10_000)))).rejects.toMatchObject({
      code: 'disk_full',
    });
    expect(await settled(local, other)).toEqual([0, 0]);
  });

  it('is not tried when it is the database that fails: no channel is to blame', async () => {
    const channels = [1, 2].map(() => ({ ...remote(), locate: (key: string) => key }));
    await open(...channels);
    let puts = 0;
    for (const channel of channels) {
      channel.put = () => Promise.reject(fail('channel_refused', { status: 500 + puts++ }));
    }
    const gone = fail('service_unavailable', {
      message: 'The database is not available at the moment.',
    });
    const jobs = { ...world.metadata.jobs, add: () => Promise.reject(gone) };
    node = world.node({ metadata: { ...world.metadata, jobs } });
    await expect(node.intake.store(request(inChunks(bytes, 10_000)))).rejects.toBe(gone);
    expect(puts).toBe(0);
  });

  it('to the local disk gets the spooled bytes', async () => {
    const first = refusing(remote(), 200_000);
    const local = watchedChannel();
    await open(first, local);
    const result = await node.intake.store(request(inChunks(bytes, 10_000)));
    expect(
      await readAll((await local.get(result.segments[0]?.ref ?? null, { signal: never })).stream),
    ).toEqual(bytes);
    await node.jobs.drain();
    await expectClean();
  });

  it.each([
    ['under a name of its own', (attempt: number) => `.${attempt}`],
    ['under the same name', () => ''],
  ])(
    'what a try stored in vain, %s, is removed later: the good object stays',
    async (_, suffix) => {
      const channel = remote();
      await open(channel);
      const { put, delete: remove } = channel;
      let attempts = 0;
      // The first try is cut short, and the backend will not take it back at once.
      channel.put = async (body, call) => {
        const attempt = ++attempts;
        const result = await put(body, { ...call, key: `${call.key}${suffix(attempt)}` });
        return attempt === 1 ? { ...result, size: result.size - 1 } : result;
      };
      channel.delete = () => Promise.reject(fail('channel_refused'));
      const { segments, pendingCleanup } = await node.intake.store(
        request(inChunks(bytes, 10_000)),
      );
      channel.delete = remove;
      expect(attempts).toBe(2);
      expect(await settled(channel)).toEqual([1]);
      expect(
        await readAll((await channel.get(segments[0]?.ref ?? null, { signal: never })).stream),
      ).toEqual(bytes);
      await world.metadata.jobs.done(pendingCleanup);
      await expectClean();
    },
  );

  it('tells what each channel said when none takes it; the code is that of the first', async () => {
    const channels = [
      refusing(remote(), 10, 'channel_full'),
      refusing(remote(), 10),
      remote({ maxBytes: 10 }),
    ];
    await open(...channels);
    const failure = node.intake.store(request(inChunks(bytes, 50_000), { size: bytes.length }));
    await expect(failure).rejects.toMatchObject({
      code: 'channel_full',
      attempts: [
        { error: { code: 'channel_full' } },
        { error: { code: 'channel_refused' } },
        { error: { code: 'too_large' } },
      ],
    });
    expect(await settled(...channels)).toEqual([0, 0, 0]);
    await expectClean();
  });

  it('without any channel, the sender is told at once, though it has not sent everything', async () => {
    await open(remote());
    const { source, push, left } = slowBody();
    const candidates = [{ group: 'gone', channel: undefined }];
    const failure = node.intake.store(request(source, { candidates }));
    push(bytes);
    await expect(failure).rejects.toMatchObject({ code: 'service_unavailable' });
    push(bytes);
    await left;
  });

  it('all channels refusing, the sender silent: the answer comes at once', async () => {
    const channel = refusing(remote(), 10);
    await open(channel);
    const { source, push, left } = slowBody();
    const failure = node.intake.store(request(source));
    push(bytes);
    await expect(failure).rejects.toMatchObject({ code: 'channel_refused' });
    push(bytes);
    await left;
    await settled(channel);
    await expectClean();
  });
});

describe.each([
  ['a local disk', watchedChannel],
  ['a remote store', remote],
  [
    'a remote store that takes segments',
    () => remote({ segment: { min: 1, best: 70_000, max: 70_000 } }),
  ],
  ['a remote store that wants the SHA-256', () => remote({ needsSha256: true })],
  ['a remote store that takes parts', () => partsChannel({ partBytes: 70_000 }).channel],
])('on %s', (_, make) => {
  it('a digest that does not fit leaves nothing', async () => {
    const channel = make();
    await open(channel);
    const expected = { sha256: sha256(Buffer.from('other')), md5: '0'.repeat(32) };
    await expect(
      node.intake.store(request(inChunks(bytes, 9999), { expected })),
    ).rejects.toMatchObject({
      code: 'checksum_mismatch',
    });
    expect(await settled(channel)).toEqual([0]);
    world.advance(8 * 24 * 3_600_000);
    expect(await settled(channel)).toEqual([0]);
    await expectClean();
  });

  it('digests that fit come with the result', async () => {
    const channel = make();
    await open(channel);
    const md5 = createHash('md5').update(bytes).digest('hex');
    const result = await node.intake.store(
      request(inChunks(bytes, 9999), { expected: { sha256: sha256(bytes), md5 } }),
    );
    expect(result).toMatchObject({ size: bytes.length, sha256: sha256(bytes) });
  });

  it.each([0, 1000, 100_000, 299_999])(
    'a body that breaks off after %i bytes leaves nothing',
    async (afterBytes) => {
      const channel = make();
      await open(channel);
      async function* broken(): ByteSource {
        yield* inChunks(bytes.subarray(0, afterBytes), 9999);
        throw fail('incomplete_body');
      }
      await expect(node.intake.store(request(broken()))).rejects.toMatchObject({
        code: 'incomplete_body',
      });
      expect(await settled(channel)).toEqual([0]);
      await expectClean();
    },
  );

  it.each([0, 1000, 200_000])(
    'a caller who hangs up after %i bytes leaves nothing, at once',
    async (afterBytes) => {
      const channel = make();
      await open(channel);
      const { source, push, left } = slowBody();
      const gone = new AbortController();
      const storing = node.intake.store(request(source, { signal: gone.signal }));
      if (afterBytes > 0) {
        push(bytes.subarray(0, afterBytes));
      }
      await new Promise((resolve) => setImmediate(resolve));
      gone.abort(fail('client_closed'));
      await expect(storing).rejects.toMatchObject({ code: 'client_closed' });
      push(bytes);
      await left;
      expect(await settled(channel)).toEqual([0]);
      await expectClean();
    },
  );

  it('what is refused by its first bytes is not read on', async () => {
    const channel = make();
    await open(channel);
    const { source, push, left } = slowBody();
    push(bytes.subarray(0, 100_000));
    const refuse = (): never => {
      throw fail('unsupported_media_type');
    };
    await expect(
      node.intake.store(request(source, { accept: refuse, expected: { md5: '0'.repeat(32) } })),
    ).rejects.toMatchObject({ code: 'unsupported_media_type' });
    await left;
    expect(await settled(channel)).toEqual([0]);
  });

  it('an empty body is stored like any other', async () => {
    const channel = make();
    await open(channel);
    expect(await node.intake.store(request(once(Buffer.alloc(0))))).toMatchObject({ size: 0 });
  });
});

it('without the database nothing goes out to a remote store', async () => {
  const channel = remote();
  await open(channel);
  const down = world.node({
    metadata: {
      ...world.metadata,
      jobs: { ...world.metadata.jobs, add: () => Promise.reject(fail('service_unavailable')) },
    },
  });
  let puts = 0;
  const { put } = channel;
  channel.put = (...args) => {
    puts++;
    return put(...args);
  };
  await expect(down.intake.store(request(once(bytes)))).rejects.toMatchObject({
    code: 'service_unavailable',
  });
  expect(puts).toBe(0);
});
