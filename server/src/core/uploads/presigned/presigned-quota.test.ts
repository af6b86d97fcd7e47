import { expect, it } from 'vitest';
import {
  configured,
  createWorld,
  pdf,
  presignRequest,
  transfer,
  urlTtlSeconds,
  watchedChannel,
} from '../../../../test/core-world.ts';
import { dayMs } from '../../clock.ts';

const A = pdf('A', 400);

/** A channel with room for 1000 bytes, and whoever asks for it on two nodes. */
async function open() {
  const quota = { limitBytes: 1000, thresholdPercent: 100 };
  const channel = watchedChannel();
  const world = await createWorld({ channels: [{ ...configured(channel), quota }] });
  const [one, other] = [world.node(), world.node()];
  const start = async (size: number | null, node = one) =>
    (await node.presigned.start(presignRequest({ size }), world.caller)).upload.id;
  const full = { code: 'storage_quota_exceeded', status: 403 };
  return { world, channel, one, other, start, full };
}

it('open uploads keep their room, on all nodes, until they end', async () => {
  const { world, one, other, start, full } = await open();
  const first = await start(600);
  await expect(start(401, other)).rejects.toMatchObject({
    ...full,
    details: { used: 600, limit: 1000 },
  });
  const second = await start(400, other);
  await expect(start(1)).rejects.toMatchObject(full);
  await one.presigned.cancel(first);
  expect(await start(600)).toBeDefined();
  await one.presigned.receive(transfer(second, A, world.now()));
  await one.presigned.complete(second, world.caller);
  await expect(start(1)).rejects.toMatchObject(full);
  await world.stop();
});

it('keep none once their address has expired and nothing came, nor once they have failed', async () => {
  const { world, one, start, full } = await open();
  const failing = await start(500);
  await one.presigned.receive(transfer(failing, Buffer.alloc(500, 'no PDF'), world.now()));
  await start(500);
  await expect(start(1)).rejects.toMatchObject(full);
  await expect(one.presigned.complete(failing, world.caller)).rejects.toMatchObject({
    code: 'content_type_mismatch',
  });
  const third = await start(500);
  await one.presigned.receive(transfer(third, A, world.now()));
  world.advance(urlTtlSeconds * 1000 + 1);
  await expect(start(601)).rejects.toMatchObject(full);
  expect(await start(600)).toBeDefined();
  world.advance(2 * dayMs);
  await one.maintenance.sweep();
  expect(await start(1000)).toBeDefined();
  await world.stop();
});

it('more than was declared, or of what nothing was, is refused when there is no room, and leaves nothing', async () => {
  const { world, channel, one, start, full } = await open();
  await start(700);
  for (const declared of [1, null]) {
    const id = await start(declared);
    await expect(one.presigned.receive(transfer(id, A, world.now()))).rejects.toMatchObject(full);
    await one.jobs.drain();
    expect(channel.refs.size).toBe(0);
  }
  await world.stop();
});
