import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createSmallWorld,
  type Node,
  pdf,
  presignRequest,
  transfer,
  urlTtlSeconds,
  type WatchedChannel,
  type World,
} from '../../../../test/core-world.ts';
import type { Json } from '../../bytes.ts';
import { dayMs } from '../../clock.ts';
import { salvagedDetails } from './presigned-details.ts';

let channel: WatchedChannel;
let world: World;
let node: Node;
beforeEach(async () => {
  ({ channel, world, node } = await createSmallWorld());
});
afterEach(() => world.stop());

/**
 * An upload whose bytes have come, and whose row then got these details, as other versions or hands
 * may have left them.
 */
async function broken(
  details: (known: { readonly [name: string]: Json | undefined }) => Json,
): Promise<string> {
  const { upload } = await node.presigned.start(presignRequest(), world.caller);
  await node.presigned.receive(transfer(upload.id, pdf('A'), world.now()));
  const row = await world.metadata.uploads.get(upload.id);
  if (row === undefined) {
    throw new Error('There is no such upload.');
  }
  const known = row.details as { readonly [name: string]: Json | undefined };
  expect(
    await world.metadata.uploads.update(row.id, row.version, { details: details(known) }),
  ).toBeDefined();
  return row.id;
}

const cases: readonly (readonly [
  string,
  (known: { readonly [name: string]: Json | undefined }) => Json,
  number,
])[] = [
  ['no category and no limit', ({ category: _, maxBytes: __, ...rest }) => rest, 0],
  ['an object as category', ({ maxBytes: _, ...rest }) => ({ ...rest, category: {} }), 0],
  ['a size that is none', (known) => ({ ...known, declaredSize: 'many' }), 0],
  [
    'what was received in another shape',
    (known) => ({ ...known, received: { segments: 'none' } }),
    1,
  ],
  ['nothing', () => null, 1],
  ['a text', () => 'details', 1],
  ['a list', () => [], 1],
  ['an empty object', () => ({}), 1],
];

describe('a row that cannot be read', () => {
  it.each(cases)('with %s is listed, shown, refused and cancelled', async (_, details, left) => {
    const whole = (await node.presigned.start(presignRequest(), world.caller)).upload.id;
    const id = await broken(details);
    const { items, total } = await node.presigned.listPending({
      state: 'uploading',
      limit: 10,
      offset: 0,
    });
    expect([items.map((media) => media.state).sort(), total]).toEqual([['failed', 'uploading'], 2]);
    expect(await node.presigned.find(id)).toMatchObject({
      state: 'failed',
      details: { error: { code: 'internal_error' } },
    });
    await expect(node.presigned.complete(id, world.caller)).rejects.toMatchObject({
      code: 'media_failed',
    });
    const again = node.presigned.receive(transfer(id, pdf('B'), world.now()));
    await expect(again).rejects.toMatchObject({ code: 'media_failed' });
    expect(await node.presigned.cancel(id)).toBe(true);
    expect(await node.presigned.find(id)).toBeUndefined();
    expect(await node.presigned.find(whole)).toMatchObject({ state: 'uploading' });
    await node.jobs.drain();
    expect(channel.refs.size).toBe(left);
  });

  it.each(cases)('with %s is swept when its time has come', async (_, details, left) => {
    const id = await broken(details);
    world.advance(urlTtlSeconds * 1000 + dayMs + 1);
    expect(await node.maintenance.sweep()).toBe(1);
    expect(await world.metadata.uploads.get(id)).toBeUndefined();
    await node.jobs.drain();
    expect(channel.refs.size).toBe(left);
  });

  it('tells what can be read of it', async () => {
    const id = await broken((known) => ({ ...known, category: {}, sha256: 5 }));
    const row = await world.metadata.uploads.get(id);
    expect(row && salvagedDetails(row)).toMatchObject({
      ...{
        filename: 'paper.pdf',
        contentType: 'application/pdf',
        category: 'document',
        sha256: null,
      },
      received: { channelId: 'main' },
    });
  });
});

it.each(Object.getOwnPropertyNames(Object.prototype))(
  'an upload of the category %s is never written',
  async (name) => {
    const category: unknown = ({} as Record<string, unknown>)[name];
    const starting = node.presigned.start(
      presignRequest({ category: category as 'image' }),
      world.caller,
    );
    await expect(starting).rejects.toThrow();
    expect(
      await node.presigned.listPending({ state: 'uploading', limit: 10, offset: 0 }),
    ).toMatchObject({ total: 0 });
  },
);
