import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  never,
  once,
  slowBody,
  type WatchedChannel,
  watchedChannel,
} from '../../../test/core-world.ts';
import { guarded } from '../../../test/guarded.ts';
import type { ByteSource } from '../bytes.ts';
import type { Channel } from '../channel.ts';
import { fail } from '../errors.ts';
import { streamBody } from '../streams/body.ts';
import { createDigestService } from '../streams/digests.ts';
import { hashOf, hashOfParts } from '../streams/hash.ts';
import { readAll } from '../streams/peek.ts';
import { createSpool } from '../streams/spool.ts';
import { openReplica } from './read-content.ts';
import { storeSpool, storeWhole } from './store-objects.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-objects-'));
});
afterAll(() => rm(folder, { recursive: true }));

const key = '2026/11/abc.bin';
const options = {
  key,
  contentType: 'application/octet-stream',
  filename: 'a.bin',
  signal: never,
  noteUpload: async () => undefined,
  digests: createDigestService(),
};

function remote(bestBytes: number, inner: WatchedChannel = watchedChannel()): WatchedChannel {
  // One object for tests to reach into, whatever is on top.
  return Object.assign(inner, {
    remote: true,
    limits: { segment: { min: 1, best: bestBytes, max: bestBytes } },
  });
}

async function* inChunks(bytes: Uint8Array, size: number): ByteSource {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

async function store(channel: Channel, source: ByteSource, more = {}) {
  const spool = createSpool(source, folder);
  try {
    return await storeSpool(guarded(channel), spool, { ...options, ...more });
  } finally {
    await spool.dispose();
  }
}

const readBack = async (
  channel: Channel,
  segments: Parameters<typeof openReplica>[1]['segments'],
): Promise<Buffer> => readAll((await openReplica(channel, { segments }, { signal: never })).stream);

interface Fault {
  readonly segment: number;
  /** Read from the source before it happens. */
  readonly afterBytes: number;
  readonly times: number;
  readonly code: 'channel_unavailable' | 'channel_refused';
}

/** Breaks off what is put under a segment's key. */
function withFaults(
  channel: WatchedChannel,
  faults: readonly Fault[],
): { readonly tries: Map<string, number> } {
  const tries = new Map<string, number>();
  const { put } = channel;
  channel.put = async (body, call) => {
    const seen = (tries.get(call.key) ?? 0) + 1;
    tries.set(call.key, seen);
    const fault = faults.find(
      ({ segment }) => call.key === `${key}.${segment}` || (segment === 0 && call.key === key),
    );
    if (fault === undefined || seen > fault.times) {
      return put(body, call);
    }
    let read = 0;
    for await (const chunk of body.open()) {
      read += chunk.length;
      if (read >= fault.afterBytes) {
        break;
      }
    }
    throw fail(fault.code);
  };
  return { tries };
}

const body = fc.record({
  bytes: fc.uint8Array({ maxLength: 3000 }),
  chunk: fc.integer({ min: 1, max: 900 }),
  best: fc.integer({ min: 100, max: 1500 }),
});

describe('segments', () => {
  it('of any body come back as it was, under the hash that the reader expects', async () => {
    await fc.assert(
      fc.asyncProperty(body, fc.boolean(), async ({ bytes, chunk, best }, tellSize) => {
        const channel = remote(best);
        const stored = await store(
          channel,
          inChunks(bytes, chunk),
          tellSize ? { size: bytes.length } : {},
        );
        const count = Math.max(1, Math.ceil(bytes.length / best));
        expect(stored.segments.map(({ size }) => size)).toEqual(
          Array.from({ length: count }, (_, at) => Math.min(best, bytes.length - at * best)),
        );
        expect(await readBack(channel, stored.segments)).toEqual(Buffer.from(bytes));
        expect(stored.size).toBe(bytes.length);
        const parts = stored.segments.map((_, at) =>
          hashOf(bytes.subarray(at * best, (at + 1) * best)),
        );
        expect(stored.segments.map(({ hash }) => hash)).toEqual(parts);
        expect(stored.hash).toBe(count === 1 ? hashOf(bytes) : hashOfParts(parts));
        expect(channel.refs.size).toBe(count);
      }),
      { numRuns: 150 },
    );
  });

  it('that fail once, anywhere, are sent once more and nothing is different', async () => {
    const faults = fc.array(
      fc.record({
        segment: fc.nat(8),
        afterBytes: fc.nat(1500),
        times: fc.constant(1),
        code: fc.constant('channel_unavailable' as const),
      }),
      { minLength: 1, maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(body, faults, async ({ bytes, chunk, best }, broken) => {
        const channel = remote(best);
        const { tries } = withFaults(channel, broken);
        const stored = await store(channel, inChunks(bytes, chunk));
        expect(await readBack(channel, stored.segments)).toEqual(Buffer.from(bytes));
        const parts = stored.segments.map((_, at) =>
          hashOf(bytes.subarray(at * best, (at + 1) * best)),
        );
        expect(stored.segments.map(({ hash }) => hash)).toEqual(parts);
        for (const [index] of stored.segments.entries()) {
          const name = stored.segments.length === 1 ? key : `${key}.${index}`;
          expect(tries.get(name)).toBe(broken.some(({ segment }) => segment === index) ? 2 : 1);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('of which one fails for good leave nothing', async () => {
    const fault = fc.record({
      segment: fc.nat(8),
      afterBytes: fc.nat(1500),
      times: fc.constant(99),
      code: fc.constant('channel_refused' as const),
    });
    await fc.assert(
      fc.asyncProperty(body, fault, async ({ bytes, chunk, best }, broken) => {
        const channel = remote(best);
        withFaults(channel, [broken]);
        const count = Math.max(1, Math.ceil(bytes.length / best));
        const storing = store(channel, inChunks(bytes, chunk));
        if (broken.segment >= count) {
          return void (await storing);
        }
        await expect(storing).rejects.toMatchObject({ code: 'channel_refused' });
        expect([...channel.refs]).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('go with the body that breaks off', async () => {
    const channel = remote(1000);
    async function* broken(): ByteSource {
      yield Buffer.alloc(4500);
      throw fail('client_closed');
    }
    await expect(store(channel, broken())).rejects.toMatchObject({ code: 'client_closed' });
    expect([...channel.refs]).toEqual([]);
  });

  it('tell of a failure at once, even when the sender is silent', async () => {
    const channel = remote(1000);
    withFaults(channel, [{ segment: 0, afterBytes: 1, times: 99, code: 'channel_refused' }]);
    const { source, push, end } = slowBody();
    const spool = createSpool(source, folder);
    push(Buffer.alloc(1500));
    await expect(storeSpool(guarded(channel), spool, options)).rejects.toMatchObject({
      code: 'channel_refused',
    });
    end();
    await spool.dispose();
  });

  it('that the backend will not take back are named', async () => {
    const channel = remote(1000);
    withFaults(channel, [{ segment: 2, afterBytes: 1000, times: 99, code: 'channel_refused' }]);
    channel.delete = () => Promise.reject(fail('channel_unavailable'));
    const leftOver: unknown[] = [];
    await expect(
      store(channel, inChunks(Buffer.alloc(3000), 500), {
        onLeftOver: (ref: unknown) => leftOver.push(ref),
      }),
    ).rejects.toMatchObject({ code: 'channel_refused' });
    expect(leftOver.sort()).toEqual([...channel.refs].sort());
    expect(leftOver.length).toBe(2);
  });

  it('are not kept when the backend has kept less than it was sent', async () => {
    const channel = remote(1000);
    const { put } = channel;
    let short = 1;
    channel.put = async (body, call) => {
      const result = await put(body, { ...call, key: `${call.key}.${short}` });
      return short-- > 0 ? { ...result, size: result.size - 1 } : result;
    };
    const stored = await store(channel, inChunks(Buffer.alloc(700, 7), 100));
    expect(stored.size).toBe(700);
    expect([...channel.refs]).toEqual([`${key}.0`]);
  });

  it('end at once when the caller gives up', async () => {
    const channel = remote(1000);
    const { source, push } = slowBody();
    const gone = new AbortController();
    const spool = createSpool(source, folder);
    push(Buffer.alloc(2500));
    const storing = storeSpool(guarded(channel), spool, { ...options, signal: gone.signal });
    gone.abort(fail('client_closed'));
    await expect(storing).rejects.toMatchObject({ code: 'client_closed' });
    expect([...channel.refs]).toEqual([]);
    push(Buffer.alloc(1));
    await spool.dispose();
  });
});

describe('one object', () => {
  it('larger than the channel takes is refused before a byte goes out', async () => {
    const channel = Object.assign(watchedChannel(), { remote: true, limits: { maxBytes: 100 } });
    let puts = 0;
    const { put } = channel;
    channel.put = (...args) => {
      puts++;
      return put(...args);
    };
    await expect(store(channel, once(Buffer.alloc(200)), { size: 200 })).rejects.toMatchObject({
      code: 'too_large',
    });
    expect(puts).toBe(0);
  });

  it('streamed is hashed on its way', async () => {
    const channel = watchedChannel();
    const bytes = Buffer.from('some bytes');
    const stored = await storeWhole(channel, streamBody(inChunks(bytes, 3)), options);
    expect(stored).toMatchObject({ size: bytes.length, hash: hashOf(bytes) });
  });

  it('leaves no temporary file behind', async () => {
    await store(remote(1_000_000), inChunks(Buffer.alloc(900_000), 100_000));
    expect(await readdir(folder)).toEqual([]);
  });
});
