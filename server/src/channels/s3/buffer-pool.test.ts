import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createBufferPool, type Lease } from './buffer-pool.ts';

const isPending = async (promise: Promise<unknown>) =>
  (await Promise.race([
    promise.then(() => 'done'),
    new Promise((resolve) => setImmediate(() => resolve('pending'))),
  ])) === 'pending';

it('gives every lease a buffer at once, further ones while the shared ones last', async () => {
  const pool = createBufferPool(16, 1);
  const [first, second] = [pool.lease(4), pool.lease(4)];
  const own = await first.take();
  await second.take();
  const shared = await second.take();
  expect(await isPending(first.take())).toBe(true);
  first.give(own);
  second.give(shared);
  expect(await isPending(pool.lease(4).take())).toBe(false);
});

it('hands a returned buffer to whoever of the lease waits', async () => {
  const lease = createBufferPool(16, 4).lease(2);
  const buffers = [await lease.take(), await lease.take()];
  const waiting = lease.take();
  expect(await isPending(waiting)).toBe(true);
  lease.give(buffers[0] as Buffer);
  expect(await waiting).toBe(buffers[0]);
});

it('uses buffers again while there are uploads, and keeps none for later', async () => {
  const pool = createBufferPool(16, 2);
  const [other, lease] = [pool.lease(1), pool.lease(1)];
  const [held, first] = [await other.take(), await lease.take()];
  lease.give(first);
  expect(await lease.take()).toBe(first);
  lease.give(first);
  other.give(held);
  expect([first, held]).not.toContain(await lease.take());
});

it('never has more out than it may, never twice the same, never one too few', async () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.boolean()), { maxLength: 80 });
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 0, max: 3 }), async (actions, extra) => {
      const pool = createBufferPool(1, extra);
      const leases = Array.from({ length: 4 }, () => ({
        lease: pool.lease(2) as Lease,
        held: [] as Buffer[],
      }));
      for (const [index, take] of actions) {
        const { lease, held } = leases[index] as (typeof leases)[number];
        const may = held.length < 2;
        if (take && may) {
          const buffer = await Promise.race([
            lease.take(),
            new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
          ]);
          if (buffer !== undefined) {
            held.push(buffer);
          }
          // A waiter keeps its place: let the oldest go, which is handed to it.
          else {
            lease.give(held[0] as Buffer);
          }
        } else if (!take && held.length > 0) {
          lease.give(held.pop() as Buffer);
        }
        const out = leases.flatMap((each) => each.held);
        expect(new Set(out).size).toBe(out.length);
        expect(
          out.length - leases.filter((each) => each.held.length > 0).length,
        ).toBeLessThanOrEqual(extra);
      }
    }),
    { numRuns: 60 },
  );
});
