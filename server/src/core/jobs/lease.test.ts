import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createWorld, type World } from '../../../test/core-world.ts';
import { minuteMs } from '../clock.ts';
import { silentLog } from '../log.ts';
import { uuidv7 } from '../uuid.ts';
import { backupLease, heldByBackup } from './backup-hold.ts';
import { createJobRunner } from './job-runner.ts';
import { takeLease } from './lease.ts';

let world: World;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  world = await createWorld();
});
afterEach(async () => {
  vi.useRealTimers();
  await world.stop();
});

const take = (firstMs?: number) =>
  takeLease(world.metadata.leases, {
    name: 'x',
    now: world.now,
    ...(firstMs !== undefined && { firstMs }),
  });
const isHeld = () => world.metadata.leases.isHeld('x', world.now());

describe('a lease', () => {
  it('lasts as long as its process keeps it, and not much longer', async () => {
    const lease = await take();
    expect(await take()).toBeUndefined();
    lease?.keep();
    for (let renewals = 0; renewals < 20; renewals++) {
      world.advance(minuteMs);
      await vi.advanceTimersByTimeAsync(20_000);
      await expect.poll(() => lease?.isHeld()).toBe(true);
    }
    expect(await isHeld()).toBe(true);
    vi.clearAllTimers();
    world.advance(2 * minuteMs);
    expect([lease?.isHeld(), await isHeld()]).toEqual([false, false]);
    expect(await take()).toBeDefined();
  });

  it('of work that blocks the process is long until it is kept', async () => {
    const lease = await take(15 * minuteMs);
    world.advance(14 * minuteMs);
    expect([lease?.isHeld(), await isHeld()]).toEqual([true, true]);
    lease?.keep();
    await expect
      .poll(() => world.metadata.leases.isHeld('x', world.now() + 2 * minuteMs))
      .toBe(false);
  });

  it('that another process has got in the meantime is not taken back', async () => {
    const lost = await take();
    world.advance(3 * minuteMs);
    const other = await take();
    lost?.keep();
    await lost?.release();
    expect([lost?.isHeld(), other?.isHeld(), await isHeld()]).toEqual([false, true, true]);
  });
});

it('removals wait while a backup holds them, other jobs do not', async () => {
  const { jobs, leases } = world.metadata;
  const ran: string[] = [];
  const kinds = ['delete_object', 'reclaim_object', 'abort_multipart'];
  const handlers = Object.fromEntries(kinds.map((kind) => [kind, async () => void ran.push(kind)]));
  const runner = createJobRunner({
    jobs,
    handlers,
    now: world.now,
    log: silentLog,
    held: heldByBackup(leases, world.now),
  });
  await jobs.add(
    kinds.map((kind) => ({ id: uuidv7(world.now()), kind, payload: null, runAt: world.now() })),
  );
  const lease = await takeLease(leases, { name: backupLease, now: world.now });
  await runner.drain();
  expect(ran).toEqual(['abort_multipart']);
  await lease?.release();
  await runner.drain();
  expect(ran.sort()).toEqual([...kinds].sort());
  await runner.stop();
});
