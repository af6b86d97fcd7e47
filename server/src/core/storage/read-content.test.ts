import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  configured,
  never,
  once,
  type WatchedChannel,
  watchedChannel,
} from '../../../test/core-world.ts';
import type { ByteRange, ByteSource } from '../bytes.ts';
import { fail } from '../errors.ts';
import type { Replica, Segment } from '../metadata.ts';
import { streamBody } from '../streams/body.ts';
import { readAll } from '../streams/peek.ts';
import { type ChannelPool, createChannelPool } from './channel-pool.ts';
import { openContent, openReplica } from './read-content.ts';

const remote = (): WatchedChannel => Object.assign(watchedChannel(), { remote: true });

async function segmentsOf(
  channel: WatchedChannel,
  parts: readonly Uint8Array[],
): Promise<readonly Segment[]> {
  return Promise.all(
    parts.map(async (part, at) => {
      const { ref, size } = await channel.put(streamBody(once(part)), {
        key: `part${at}`,
        contentType: '',
        signal: never,
      });
      return { ref, size, hash: '' };
    }),
  );
}

/** Notes what is asked for, as `ref:start-end`. */
function noteGets(channel: WatchedChannel): string[] {
  const gets: string[] = [];
  const { get } = channel;
  channel.get = (ref, options) => {
    gets.push(options.range ? `${ref}:${options.range.start}-${options.range.end}` : `${ref}`);
    return get(ref, options);
  };
  return gets;
}

/** The first `times` reads of a ref break off after `afterBytes`. */
function breakOff(
  channel: WatchedChannel,
  {
    times,
    afterBytes,
    error = fail('channel_unavailable') as unknown,
  }: {
    readonly times: number;
    readonly afterBytes: number;
    readonly error?: unknown;
  },
): void {
  const { get } = channel;
  let left = times;
  channel.get = async (ref, options) => {
    const result = await get(ref, options);
    if (left-- <= 0) {
      return result;
    }
    const whole = await readAll(result.stream);
    async function* broken(): ByteSource {
      if (afterBytes > 0) {
        yield whole.subarray(0, afterBytes);
      }
      if (error !== undefined) {
        throw error;
      }
    }
    return { ...result, stream: broken() };
  };
}

describe('segments', () => {
  it('any range of any segments is these bytes', async () => {
    const parts = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(
        parts,
        fc.nat(),
        fc.nat(),
        fc.boolean(),
        async (bytes, from, length, isRemote) => {
          const channel = isRemote ? remote() : watchedChannel();
          const segments = await segmentsOf(channel, bytes);
          const whole = Buffer.concat(bytes);
          const start = from % whole.length;
          const range: ByteRange = {
            start,
            end: Math.min(whole.length - 1, start + (length % whole.length)),
          };
          const gets = noteGets(channel);
          const opened = await openReplica(channel, { segments }, { range, signal: never });
          const expected = whole.subarray(range.start, range.end + 1);
          expect(opened.size).toBe(expected.length);
          expect(await readAll(opened.stream)).toEqual(expected);
          // Nothing is fetched that nobody asked for.
          const touched = segments.filter((_, at) => {
            const offset = bytes.slice(0, at).reduce((sum, part) => sum + part.length, 0);
            return offset <= range.end && offset + (bytes[at]?.length ?? 0) > range.start;
          });
          expect(gets.length).toBe(touched.length);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('the whole file, and an empty one', async () => {
    const channel = remote();
    const segments = await segmentsOf(channel, [
      Buffer.from('one '),
      Buffer.from('two '),
      Buffer.from('three'),
    ]);
    const opened = await openReplica(channel, { segments }, { signal: never });
    expect(opened.size).toBe(13);
    expect((await readAll(opened.stream)).toString()).toBe('one two three');
    expect(await openReplica(channel, { segments: [] }, { signal: never })).toMatchObject({
      size: 0,
    });
  });

  it('the next one is opened once the reader has taken something, and no earlier', async () => {
    const channel = remote();
    const segments = await segmentsOf(channel, [
      Buffer.alloc(10),
      Buffer.alloc(10),
      Buffer.alloc(10),
    ]);
    const gets = noteGets(channel);
    const { stream } = await openReplica(channel, { segments }, { signal: never });
    expect(gets).toEqual(['part0']);
    const reader = stream[Symbol.asyncIterator]();
    await reader.next();
    expect(gets).toEqual(['part0']);
    await reader.next();
    expect(gets).toEqual(['part0', 'part1']);
    await reader.next();
    expect(gets).toEqual(['part0', 'part1', 'part2']);
  });

  it('a reader who leaves stops the read and the one ahead', async () => {
    const channel = remote();
    const segments = await segmentsOf(channel, [Buffer.alloc(200_000), Buffer.alloc(200_000)]);
    const { get } = channel;
    let open = 0;
    channel.get = async (ref, options) => {
      const { stream, size } = await get(ref, options);
      const inner = stream[Symbol.asyncIterator]();
      open++;
      return {
        size,
        stream: {
          [Symbol.asyncIterator]: () => ({
            next: () => inner.next(),
            return: async () => {
              open--;
              return { done: true, value: undefined };
            },
          }),
        },
      };
    };
    const { stream } = await openReplica(channel, { segments }, { signal: never });
    let chunks = 0;
    for await (const _chunk of stream) {
      if (++chunks === 2) {
        break;
      }
    }
    await expect.poll(() => open, { interval: 1 }).toBe(0);
  });

  it('a failure of the one ahead harms nobody who never gets there', async () => {
    const channel = remote();
    const segments = await segmentsOf(channel, [Buffer.alloc(200_000), Buffer.alloc(10)]);
    const { get } = channel;
    channel.get = (ref, options) =>
      ref === 'part1' ? Promise.reject(fail('not_found')) : get(ref, options);
    const { stream } = await openReplica(channel, { segments }, { signal: never });
    let chunks = 0;
    for await (const _chunk of stream) {
      if (++chunks === 3) {
        break;
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
    const again = await openReplica(channel, { segments }, { signal: never });
    await expect(readAll(again.stream)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a stream that breaks off', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));

  it.each([
    ['with an error of the backend', fail('channel_unavailable')],
    ['without a word', undefined],
  ])('%s goes on where it stopped', async (_, error) => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(255),
        fc.nat(255),
        fc.nat(255),
        fc.integer({ min: 1, max: 3 }),
        async (a, b, afterBytes, times) => {
          const channel = remote();
          const segments = await segmentsOf(channel, [bytes.subarray(0, 100), bytes.subarray(100)]);
          breakOff(channel, { times, afterBytes, error });
          const range = { start: Math.min(a, b), end: Math.max(a, b) };
          const { stream } = await openReplica(channel, { segments }, { range, signal: never });
          expect(await readAll(stream)).toEqual(bytes.subarray(range.start, range.end + 1));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('is given up after three more tries, and at once when the backend says it is gone', async () => {
    const channel = remote();
    const segments = await segmentsOf(channel, [bytes]);
    breakOff(channel, { times: 4, afterBytes: 1 });
    const gets = noteGets(channel);
    await expect(
      readAll((await openReplica(channel, { segments }, { signal: never })).stream),
    ).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
    expect(gets).toEqual(['part0', 'part0:1-255', 'part0:2-255', 'part0:3-255']);
    const other = remote();
    const theirs = await segmentsOf(other, [bytes]);
    breakOff(other, { times: 1, afterBytes: 1, error: fail('not_found') });
    await expect(
      readAll((await openReplica(other, { segments: theirs }, { signal: never })).stream),
    ).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('is not read again for a reader who is gone', async () => {
    const channel = remote();
    const segments = await segmentsOf(channel, [bytes]);
    const gone = new AbortController();
    breakOff(channel, { times: 1, afterBytes: 10 });
    const gets = noteGets(channel);
    const { stream } = await openReplica(channel, { segments }, { signal: gone.signal });
    const reader = stream[Symbol.asyncIterator]();
    await reader.next();
    gone.abort(fail('client_closed'));
    await expect(reader.next()).rejects.toBeDefined();
    expect(gets).toEqual(['part0']);
  });

  it('never answers more, or less, than was asked for: the sizes are compared before the first byte', async () => {
    const channel = remote();
    const segments = await segmentsOf(channel, [bytes]);
    const { get } = channel;
    const range = { start: 0, end: 9 };
    // A backend that knows no ranges, and one that does not even say so.
    channel.get = async (ref, { signal }) => get(ref, { signal });
    await expect(
      openReplica(channel, { segments }, { range, signal: never }),
    ).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
    channel.get = async (ref, { signal }) => ({ ...(await get(ref, { signal })), size: 10 });
    const { stream } = await openReplica(channel, { segments }, { range, signal: never });
    await expect(readAll(stream)).rejects.toMatchObject({ code: 'channel_refused' });
    channel.get = async () => ({ stream: once(bytes.subarray(0, 100)), size: 100 });
    await expect(openReplica(channel, { segments }, { signal: never })).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
  });
});

describe('replicas', () => {
  const bytes = Buffer.from('the bytes');

  async function world(
    count: number,
  ): Promise<{ channels: WatchedChannel[]; pool: ChannelPool; replicas: Replica[] }> {
    const channels = Array.from({ length: count }, remote);
    const pool = createChannelPool({
      channels: channels.map((channel, at) => configured(channel, `c${at}`)),
      usage: async () => ({ bytes: 0, blobs: 0 }),
      fallbackOrder: [],
      loadBalance: false,
      routes: {},
    });
    const replicas = await Promise.all(
      channels.map(async (channel, at) => ({
        blobId: 'b',
        channelId: `c${at}`,
        segments: await segmentsOf(channel, [bytes]),
        state: 'ok' as const,
      })),
    );
    return { channels, pool, replicas };
  }
  const blob = { id: 'b', size: bytes.length, hash: '', sha256: null, createdAt: 0 };
  const read = async (pool: ChannelPool, replicas: readonly Replica[]): Promise<Buffer> =>
    readAll((await openContent(pool, { blob, replicas }, { signal: never })).stream);

  it('the first that answers is read: others for what is lost, down, missing or no longer configured', async () => {
    const { channels, pool, replicas } = await world(3);
    const [first, second, third] = channels;
    const gets = noteGets(third as WatchedChannel);
    (first as WatchedChannel).get = () => Promise.reject(fail('channel_unavailable'));
    await (second as WatchedChannel).delete('part0', { signal: never });
    expect(await read(pool, replicas)).toEqual(bytes);
    expect(gets).toEqual(['part0']);
    const [one, , three] = replicas as [Replica, Replica, Replica];
    expect(await read(pool, [{ ...one, channelId: 'gone' }, three])).toEqual(bytes);
    expect(await read(pool, [{ ...one, state: 'missing' }, three])).toEqual(bytes);
  });

  it('a file that the library promises is never "not found", whatever the channels say', async () => {
    const { channels, pool, replicas } = await world(1);
    await channels[0]?.delete('part0', { signal: never });
    await expect(read(pool, replicas)).rejects.toMatchObject({ code: 'channel_unavailable' });
    await expect(read(pool, [])).rejects.toMatchObject({ code: 'channel_unavailable' });
    await expect(
      read(
        pool,
        replicas.map((replica) => ({ ...replica, channelId: 'gone' })),
      ),
    ).rejects.toMatchObject({
      code: 'service_unavailable',
    });
  });

  it.each([undefined, { start: 2, end: 8 }])(
    'one that breaks off for good midway is followed by the next where it stopped: %j',
    async (range) => {
      const { channels, pool, replicas } = await world(3);
      const [first, second, third] = channels as [WatchedChannel, WatchedChannel, WatchedChannel];
      const { get } = first;
      // It gives three bytes, and then says that there never was such an object.
      first.get = async (ref, options) => {
        const { stream, size } = await get(ref, options);
        const whole = await readAll(stream);
        async function* broken(): ByteSource {
          yield whole.subarray(0, 3);
          throw fail('not_found');
        }
        return { size, stream: broken() };
      };
      await second.delete('part0', { signal: never });
      const gets = noteGets(third);
      const { stream, size } = await openContent(
        pool,
        { blob, replicas },
        { signal: never, range },
      );
      const { start, end } = range ?? { start: 0, end: bytes.length - 1 };
      expect(size).toBe(end - start + 1);
      expect(await readAll(stream)).toEqual(bytes.subarray(start, end + 1));
      expect(gets).toEqual([`part0:${start + 3}-${end}`]);
    },
  );

  it('a damaged one is never read, a missing one last, and no good one at all is said', async () => {
    const { channels, pool, replicas } = await world(3);
    const [bad, away, good] = replicas as [Replica, Replica, Replica];
    const gets = channels.map(noteGets);
    const states: Replica[] = [{ ...bad, state: 'damaged' }, { ...away, state: 'missing' }, good];
    expect(await read(pool, states)).toEqual(bytes);
    expect(gets.map((each) => each.length)).toEqual([0, 0, 1]);
    await channels[2]?.delete('part0', { signal: never });
    expect(await read(pool, states)).toEqual(bytes);
    expect(gets.map((each) => each.length)).toEqual([0, 1, 2]);
    await expect(read(pool, states.slice(0, 1))).rejects.toMatchObject({
      code: 'content_damaged',
      status: 500,
      retryable: false,
    });
    expect(gets[0]).toEqual([]);
  });

  it('no second one is tried for a reader who is gone', async () => {
    const { channels, pool, replicas } = await world(2);
    const gone = new AbortController();
    const gets = noteGets(channels[1] as WatchedChannel);
    (channels[0] as WatchedChannel).get = () => {
      gone.abort(fail('client_closed'));
      return Promise.reject(fail('client_closed'));
    };
    await expect(
      openContent(pool, { blob, replicas }, { signal: gone.signal }),
    ).rejects.toMatchObject({ code: 'client_closed' });
    expect(gets).toEqual([]);
  });
});
