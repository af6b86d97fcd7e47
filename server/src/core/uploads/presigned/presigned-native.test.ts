import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  configured,
  createWorld,
  type Node,
  pdf,
  presignRequest,
  urlTtlSeconds,
  type WatchedChannel,
  type World,
  watchedChannel,
} from '../../../../test/core-world.ts';
import type { Presign } from '../../channel.ts';
import { dayMs } from '../../clock.ts';
import { fail } from '../../errors.ts';
import { streamBody } from '../../streams/body.ts';
import { hashOf } from '../../streams/hash.ts';

const A = pdf('A');
const B = pdf('B', 50_000);
const never = new AbortController().signal;

/**
 * A store that takes uploads at addresses of its own. `moves`: they work until they expire, and
 * what came can be taken out of their reach.
 */
function addressedStore(moves: boolean) {
  const channel = watchedChannel();
  const write = async (key: string, bytes: Uint8Array): Promise<void> => {
    const source = async function* () {
      yield bytes;
    };
    await channel.put(streamBody(source()), { key, contentType: '', signal: never });
  };
  const read = async (key: string): Promise<Buffer> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of (await channel.get(key, { signal: never })).stream) {
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  };
  const head: Presign['head'] = async (state) => {
    if (!channel.refs.has(String(state))) {
      return undefined;
    }
    const bytes = await read(String(state));
    return { ref: String(state), size: bytes.length, version: hashOf(bytes) };
  };
  const finish: Presign['finish'] = async (arrival, { key }) => {
    const now = await head(String(arrival.ref), { signal: never });
    if (now?.version !== arrival.version) {
      throw fail('conflict');
    }
    await write(key, await read(String(arrival.ref)));
    return { ref: key, size: arrival.size };
  };
  const presign: Presign = {
    start: async ({ key }) => ({
      method: 'PUT',
      url: `https://store.example/${key}`,
      headers: {},
      state: `incoming/${key}`,
    }),
    head,
    ...(moves && { finish }),
    abort: (state) => channel.delete(state, { signal: never }),
  };
  return { channel: { ...channel, presign } as WatchedChannel, write, refs: channel.refs };
}

describe.each([
  ['a store whose addresses work until they expire', true],
  ['a store whose addresses work once', false],
])('%s', (_, moves) => {
  let store: ReturnType<typeof addressedStore>;
  let world: World;
  let node: Node;
  beforeEach(async () => {
    store = addressedStore(moves);
    world = await createWorld({ channels: [configured(store.channel)], strictSize: true });
    node = world.node();
  });
  afterEach(() => world.stop());

  const start = async (fields = {}): Promise<{ id: string; key: string }> => {
    const { upload, target } = await node.presigned.start(presignRequest(fields), world.caller);
    return { id: upload.id, key: String(target?.state) };
  };
  const complete = (id: string, on = node) => on.presigned.complete(id, world.caller);
  const readBack = async (id: string): Promise<Buffer> => {
    const stored = await node.files.get(id);
    if (stored === undefined) {
      throw new Error('There is no such file.');
    }
    return world.read(node, stored);
  };

  it('what was refused stays so until other bytes come to the address', async () => {
    const { id, key } = await start();
    await store.write(key, Buffer.from('no PDF'));
    await expect(complete(id)).rejects.toMatchObject({ code: 'content_type_mismatch' });
    await node.jobs.drain();
    await expect(complete(id)).rejects.toMatchObject({ code: 'media_failed' });
    if (moves) {
      await store.write(key, Buffer.from('again no PDF'));
      await expect(complete(id)).rejects.toMatchObject({ code: 'content_type_mismatch' });
      await store.write(key, A);
      await node.jobs.drain();
      expect(await complete(id)).toMatchObject({ state: 'ready' });
      expect(await readBack(id)).toEqual(A);
    }
    world.advance(urlTtlSeconds * 1000 + 2 * dayMs);
    await node.maintenance.sweep();
    await node.jobs.drain();
    expect(store.refs.size).toBe(moves ? 1 : 0);
  });

  it('several completes of a refused file at once, on two nodes, get one answer', async () => {
    const { id, key } = await start();
    await store.write(key, Buffer.from('no PDF'));
    const other = world.node();
    const all = await Promise.allSettled([
      complete(id),
      complete(id),
      complete(id, other),
      complete(id),
      complete(id, other),
    ]);
    const said = all.map((one) =>
      one.status === 'rejected' ? [one.reason.code, one.reason.status, one.reason.details] : one,
    );
    expect(said).toEqual(
      said.map(() => [
        'content_type_mismatch',
        422,
        { declared: 'application/pdf', detected: 'text/plain' },
      ]),
    );
  });

  it('completes what arrived', async () => {
    const { id, key } = await start();
    await expect(complete(id)).rejects.toMatchObject({ code: 'upload_not_received' });
    await store.write(key, A);
    expect(await complete(id)).toMatchObject({ state: 'ready' });
    await node.jobs.drain();
    expect(await readBack(id)).toEqual(A);
    expect(store.refs.size).toBe(1);
  });

  it('two completes on two nodes make one file, which stays', async () => {
    const { id, key } = await start();
    await store.write(key, A);
    const [one, two] = await Promise.all([complete(id), complete(id, world.node())]);
    expect(one.stored).toEqual(two.stored);
    await node.jobs.drain();
    expect(await readBack(id)).toEqual(A);
    expect(store.refs.size).toBe(1);
    world.advance(30 * dayMs);
    await node.maintenance.sweep();
    await node.jobs.drain();
    expect(await readBack(id)).toEqual(A);
    expect(store.refs.size).toBe(1);
  });

  it('a file of the wrong size leaves room for the right one', async () => {
    const { id, key } = await start({ size: B.length });
    await store.write(key, A);
    await expect(complete(id)).rejects.toMatchObject({ code: 'size_mismatch' });
    await store.write(key, B);
    await node.jobs.drain();
    expect(await complete(id)).toMatchObject({ state: 'ready' });
    await node.jobs.drain();
    expect(await readBack(id)).toEqual(B);
    expect(store.refs.size).toBe(1);
  });

  it('what is no such file goes, and what comes later goes when the upload is swept', async () => {
    const { id, key } = await start();
    await store.write(key, Buffer.from('no PDF'));
    await expect(complete(id)).rejects.toMatchObject({ code: 'content_type_mismatch' });
    await node.jobs.drain();
    expect(store.refs.size).toBe(0);
    await store.write(key, A);
    world.advance(urlTtlSeconds * 1000 + 2 * dayMs);
    await node.maintenance.sweep();
    await node.jobs.drain();
    expect(store.refs.size).toBe(0);
  });

  it('an abandoned upload is swept with what arrived', async () => {
    const { key } = await start();
    await store.write(key, A);
    world.advance(urlTtlSeconds * 1000 + 2 * dayMs);
    await node.maintenance.sweep();
    await node.jobs.drain();
    expect(store.refs.size).toBe(0);
  });
});

it('bytes that come to the address after complete change nothing, and go', async () => {
  const store = addressedStore(true);
  const world = await createWorld({ channels: [configured(store.channel)] });
  const node = world.node();
  const { upload, target } = await node.presigned.start(presignRequest(), world.caller);
  const key = String(target?.state);
  await store.write(key, A);
  const { stored } = await node.presigned.complete(upload.id, world.caller);
  await node.jobs.drain();
  await store.write(key, B);
  expect(await world.read(node, stored)).toEqual(A);
  world.advance(urlTtlSeconds * 1000 + 2 * dayMs);
  await node.jobs.drain();
  expect(store.refs.size).toBe(1);
  expect(await world.read(node, stored)).toEqual(A);
  await world.stop();
});

it('bytes that are exchanged while complete looks at them are looked at again', async () => {
  const store = addressedStore(true);
  const world = await createWorld({ channels: [configured(store.channel)] });
  const node = world.node();
  const { upload, target } = await node.presigned.start(presignRequest(), world.caller);
  const key = String(target?.state);
  await store.write(key, A);
  const { presign } = store.channel as { presign: Presign };
  const { finish } = presign;
  let exchanged = false;
  Object.assign(presign, {
    finish: async (...args: Parameters<NonNullable<Presign['finish']>>) => {
      if (!exchanged) {
        await store.write(key, B);
      }
      exchanged = true;
      return finish?.(...args);
    },
  });
  const { stored } = await node.presigned.complete(upload.id, world.caller);
  await node.jobs.drain();
  expect(await world.read(node, stored)).toEqual(B);
  expect(store.refs.size).toBe(1);
  await world.stop();
});

it('a store that must be asked for is used by those who ask; what it does not take goes elsewhere by either way', async () => {
  const { channel } = addressedStore(true);
  const { presign } = channel as { presign: Presign };
  const expiresAt = Date.UTC(2026, 10, 1) + 60_000;
  Object.assign(presign, {
    onRequest: true,
    accepts: ({ contentType }: { contentType: string }) => contentType === 'application/pdf',
    start: async ({ key }: { key: string }) => ({
      method: 'POST',
      url: 'https://store.example/',
      headers: {},
      expiresAt,
      state: key,
    }),
  });
  const pictures = configured(channel, 'pictures');
  const other = configured(watchedChannel(), 'other');
  const world = await createWorld({ channels: [pictures, other] });
  const node = world.node();
  const begin = (fields: Parameters<typeof presignRequest>[0]) =>
    node.presigned.start(presignRequest(fields), world.caller);
  const relayed = await begin({});
  expect([relayed.channel.id, relayed.target, relayed.details.urlExpiresAt]).toEqual([
    pictures.id,
    undefined,
    world.now() + urlTtlSeconds * 1000,
  ]);
  const asked = await begin({ direct: true });
  expect([asked.channel.id, asked.target?.method, asked.details.urlExpiresAt]).toEqual([
    pictures.id,
    'POST',
    expiresAt,
  ]);
  for (const direct of [true, false]) {
    const elsewhere = await begin({
      direct,
      contentType: 'image/png',
      filename: 'a.png',
      category: 'image',
    });
    expect([elsewhere.channel.id, elsewhere.target]).toEqual([other.id, undefined]);
  }
  await world.stop();
});
