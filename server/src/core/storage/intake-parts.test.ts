import { afterEach, expect, it } from 'vitest';
import {
  configured,
  createWorld,
  type Node,
  never,
  once,
  slowBody,
  type World,
} from '../../../test/core-world.ts';
import { partsChannel } from '../../../test/parts-channel.ts';
import type { ByteSource } from '../bytes.ts';
import { dayMs } from '../clock.ts';
import { fail } from '../errors.ts';

let world: World;
afterEach(() => world.stop());

const bytes = Buffer.alloc(2500, 'abc');

async function begin() {
  const parts = partsChannel({ partBytes: 1000 });
  world = await createWorld({ channels: [configured(parts.channel)] });
  return { ...parts, node: world.node() };
}

function store({ pool, intake }: Node, source: ByteSource, signal = never) {
  const candidates = pool.all().map((channel) => ({ group: channel.group, channel }));
  const declaredType = 'application/octet-stream';
  return intake.store({ source, filename: 'a.bin', declaredType, candidates, signal });
}

it('an upload that a killed process has left unfinished is aborted by another', async () => {
  const { node, multipart, open } = await begin();
  const begun = Promise.withResolvers<void>();
  const { part } = multipart;
  multipart.part = async (...call) => {
    await part(...call);
    begun.resolve();
    return new Promise(() => {});
  };
  const gone = new AbortController();
  const { source, push } = slowBody();
  push(Buffer.alloc(70_000));
  const storing = store(node, source, gone.signal);
  await begun.promise;
  const other = world.node();
  await other.jobs.drain();
  expect(open.size).toBe(1);
  world.advance(8 * dayMs);
  await other.jobs.drain();
  expect(open.size).toBe(0);
  gone.abort(fail('client_closed'));
  await expect(storing).rejects.toMatchObject({ code: 'client_closed' });
});

it('the note of an upload is void with what promises its object', async () => {
  const { node, channel, events } = await begin();
  const stored = await store(node, once(bytes));
  expect(events.at(-1)).toBe('finish 3');
  // One for the object, one for the upload.
  expect(stored.pendingCleanup).toHaveLength(2);
  await world.metadata.jobs.done(stored.pendingCleanup);
  world.advance(8 * dayMs);
  await node.jobs.drain();
  expect([channel.refs.size, events.includes('abort')]).toEqual([1, false]);
});

it('an upload that the store would not abort at once is aborted by a job', async () => {
  const { node, channel, multipart, open } = await begin();
  const { abort } = multipart;
  let refusals = 1;
  multipart.abort = (...call) =>
    refusals-- > 0 ? Promise.reject(fail('channel_refused')) : abort(...call);
  multipart.finish = () => Promise.reject(fail('channel_refused'));
  await expect(store(node, once(bytes))).rejects.toMatchObject({ code: 'channel_refused' });
  expect(open.size).toBe(1);
  await node.jobs.drain();
  expect([open.size, channel.refs.size, await world.metadata.jobs.count()]).toEqual([0, 0, 0]);
});
