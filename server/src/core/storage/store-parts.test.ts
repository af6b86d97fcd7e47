import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { never, slowBody, type WatchedChannel } from '../../../test/core-world.ts';
import { partsChannel } from '../../../test/parts-channel.ts';
import { type SpooledOptions, storeSpooled } from '../../../test/store-spooled.ts';
import type { ByteSource } from '../bytes.ts';
import { fail } from '../errors.ts';
import { hashOf } from '../streams/hash.ts';
import { readAll } from '../streams/peek.ts';

const key = '2026/11/abc.bin';
const options = { key, contentType: 'application/octet-stream', signal: never };

async function* inChunks(bytes: Uint8Array, size: number): ByteSource {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

const store = (channel: WatchedChannel, bytes: Uint8Array, more: Partial<SpooledOptions> = {}) =>
  storeSpooled(channel, inChunks(bytes, 300), { ...options, ...more });

async function expectStored(
  channel: WatchedChannel,
  stored: Awaited<ReturnType<typeof storeSpooled>>,
  bytes: Uint8Array,
): Promise<void> {
  const [only] = stored.segments;
  expect(stored.segments).toHaveLength(1);
  expect(stored).toMatchObject({ size: bytes.length, hash: hashOf(bytes) });
  const { stream } = await channel.get(only?.ref ?? null, { signal: never });
  expect(await readAll(stream)).toEqual(Buffer.from(bytes));
  expect(channel.refs.size).toBe(1);
}

describe('parts', () => {
  it('of any body become one object, under the hash of its bytes', async () => {
    const bodies = fc.record({
      bytes: fc.uint8Array({ maxLength: 3000 }),
      partBytes: fc.integer({ min: 100, max: 1500 }),
      maxParts: fc.integer({ min: 3, max: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(bodies, fc.boolean(), async ({ bytes, ...limits }, tellSize) => {
        const { channel, open, events } = partsChannel(limits);
        const size = tellSize ? bytes.length : undefined;
        await expectStored(channel, await store(channel, bytes, { size }), bytes);
        expect(open.size).toBe(0);
        const least = tellSize ? 2 * limits.partBytes : limits.partBytes;
        const needed = Math.ceil(bytes.length / limits.partBytes);
        const finished = events.find((event) => event.startsWith('finish'));
        if (bytes.length <= least) {
          expect(events).toEqual([]);
        } else if (needed <= limits.maxParts) {
          expect(finished).toBe(`finish ${needed}`);
        } else {
          const count = Math.ceil(bytes.length / Math.ceil(bytes.length / limits.maxParts));
          expect(finished).toBe(`finish ${count}`);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('go out while later ones are still arriving, after the upload is noted', async () => {
    const { channel, multipart, events } = partsChannel({ partBytes: 1000 });
    const { source, push, end } = slowBody();
    const { part } = multipart;
    const first = Promise.withResolvers<void>();
    multipart.part = async (...call) => {
      const sent = await part(...call);
      first.resolve();
      return sent;
    };
    const storing = storeSpooled(channel, source, {
      ...options,
      noteUpload: async () => void events.push('noted'),
    });
    push(Buffer.alloc(1001, 1));
    await first.promise;
    expect(events).toEqual(['start', 'noted', 'part 1']);
    push(Buffer.alloc(500, 2));
    end();
    const bytes = Buffer.concat([Buffer.alloc(1001, 1), Buffer.alloc(500, 2)]);
    await expectStored(channel, await storing, bytes);
  });

  it('that fail once are sent once more and nothing is different', async () => {
    const { channel, multipart, events } = partsChannel({ partBytes: 1000 });
    const { part } = multipart;
    const failed = new Set<number>();
    multipart.part = async (state, number, ...rest) => {
      if (!failed.has(number)) {
        failed.add(number);
        throw fail('channel_unavailable');
      }
      return part(state, number, ...rest);
    };
    const bytes = Buffer.alloc(2500, 'abc');
    await expectStored(channel, await store(channel, bytes), bytes);
    expect([...events].sort()).toEqual(['finish 3', 'part 1', 'part 2', 'part 3', 'start']);
  });

  it.each(['part', 'finish'] as const)('leave nothing when %s fails for good', async (call) => {
    const { channel, multipart, open, events } = partsChannel({ partBytes: 1000 });
    Object.assign(multipart, { [call]: () => Promise.reject(fail('channel_refused')) });
    await expect(store(channel, Buffer.alloc(2500))).rejects.toMatchObject({
      code: 'channel_refused',
    });
    expect(open.size).toBe(0);
    expect(events.at(-1)).toBe('abort');
    expect(channel.refs.size).toBe(0);
  });

  it('are not aborted before those under way have ended', async () => {
    const { channel, multipart, events } = partsChannel({ partBytes: 1000 });
    const { part } = multipart;
    multipart.part = async (state, number, body, call) => {
      if (number === 2) {
        throw fail('channel_refused');
      }
      await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
      await part(state, number, body, call);
      throw call.signal.reason;
    };
    await expect(store(channel, Buffer.alloc(2500))).rejects.toMatchObject({
      code: 'channel_refused',
    });
    expect(events.at(-1)).toBe('abort');
  });

  it('go with the body that breaks off', async () => {
    const { channel, open } = partsChannel({ partBytes: 1000 });
    async function* broken(): ByteSource {
      yield Buffer.alloc(4500);
      throw fail('client_closed');
    }
    await expect(storeSpooled(channel, broken(), options)).rejects.toMatchObject({
      code: 'client_closed',
    });
    expect([open.size, channel.refs.size]).toEqual([0, 0]);
  });

  it('do not go out when the upload could not be noted', async () => {
    const { channel, events } = partsChannel({ partBytes: 1000 });
    const noteUpload = () => Promise.reject(new Error('no database'));
    await expect(store(channel, Buffer.alloc(2500), { noteUpload })).rejects.toThrow('no database');
    expect(events).toEqual(['start', 'abort']);
  });

  it('that cannot be aborted do not hide what failed', async () => {
    const { channel, multipart } = partsChannel({ partBytes: 1000 });
    multipart.part = () => Promise.reject(fail('channel_full'));
    multipart.abort = () => Promise.reject(fail('channel_refused'));
    await expect(store(channel, Buffer.alloc(2500))).rejects.toMatchObject({
      code: 'channel_full',
    });
  });

  it.each([
    ['fewer', 2600, 'incomplete_body'],
    ['more', 2400, 'size_mismatch'],
  ])('of %s bytes than announced make no object', async (_, size, code) => {
    const { channel, open, events } = partsChannel({ partBytes: 1000 });
    await expect(store(channel, Buffer.alloc(2500), { size })).rejects.toMatchObject({ code });
    expect([open.size, channel.refs.size, events.at(-1)]).toEqual([0, 0, 'abort']);
  });
});
