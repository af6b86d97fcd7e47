import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMetadata } from '../../metadata/index.ts';
import { hourMs, minuteMs } from '../clock.ts';
import { silentLog } from '../log.ts';
import type { JobLease, MetadataStore, NewJob } from '../metadata.ts';
import { uuidv7 } from '../uuid.ts';
import { createJobRunner, type JobHandler, type JobRunner } from './job-runner.ts';

let dataDir: string;
let metadata: MetadataStore;
let at: number;
const runners: JobRunner[] = [];
beforeEach(async () => {
  at = Date.UTC(2026, 10, 1);
  dataDir = await mkdtemp(join(tmpdir(), 'stowage-jobs-'));
  metadata = await openMetadata({ dataDir, durability: 'normal' });
  await metadata.migrate();
});
afterEach(async () => {
  for (const { stop } of runners.splice(0)) {
    await stop();
  }
  await metadata.close();
  await rm(dataDir, { recursive: true });
});

function runner(handlers: Record<string, JobHandler>, jobs = metadata.jobs): JobRunner {
  const made = createJobRunner({
    jobs,
    handlers,
    now: () => at,
    log: silentLog,
    pollMs: 5,
    renewMs: 20,
  });
  runners.push(made);
  return made;
}
const job = (payload: number, fields: Partial<NewJob> = {}): NewJob => ({
  id: uuidv7(at),
  kind: 'work',
  payload,
  runAt: at,
  ...fields,
});
const list = () => metadata.jobs.list({ limit: 100 });

describe('jobs', () => {
  it('run when they are due, not before', async () => {
    const ran: unknown[] = [];
    const { drain } = runner({ work: async (payload) => void ran.push(payload) });
    await metadata.jobs.add([job(1), job(2, { runAt: at + 1000 })]);
    await drain();
    expect(ran).toEqual([1]);
    at += 1000;
    await drain();
    expect(ran).toEqual([1, 2]);
    expect(await metadata.jobs.count()).toBe(0);
  });

  it('that fail wait twice as long each time, up to an hour, and stay visible', async () => {
    let failing = true;
    const tries: number[] = [];
    const { drain } = runner({
      work: async () => {
        tries.push(at);
        if (failing) {
          throw new Error('no answer');
        }
      },
    });
    await metadata.jobs.add([job(1)]);
    for (let minute = 0; minute < 5 * 60; minute++) {
      for (let second = 0; second < 60; second += 2) {
        at += 2000;
        if (tries.length < 12 || second === 0) {
          await drain();
        }
      }
    }
    const waits = tries.slice(1).map((time, index) => time - (tries[index] ?? 0));
    expect(waits.slice(0, 6)).toEqual([2000, 4000, 8000, 16_000, 32_000, 64_000]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(hourMs + minuteMs);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(hourMs);
    expect(await list()).toMatchObject([{ attempts: tries.length, lastError: 'no answer' }]);
    failing = false;
    at += hourMs;
    await drain();
    expect(await list()).toEqual([]);
  });

  it('of two runners run once each', async () => {
    const ran: unknown[] = [];
    const work: JobHandler = async (payload) => {
      ran.push(payload);
      await new Promise((resolve) => setImmediate(resolve));
    };
    await metadata.jobs.add(Array.from({ length: 200 }, (_, index) => job(index)));
    await Promise.all(
      [runner({ work }), runner({ work }), runner({ work })].map(({ drain }) => drain()),
    );
    expect(ran.length).toBe(200);
    expect(new Set(ran).size).toBe(200);
    expect(await metadata.jobs.count()).toBe(0);
  });

  it('of a runner that died are taken over when its lease has ended', async () => {
    await metadata.jobs.add([job(1)]);
    const [claimed] = await metadata.jobs.claim({
      now: at,
      leaseMs: minuteMs,
      limit: 1,
      kinds: ['work'],
    });
    expect(claimed).toMatchObject({ attempts: 1 });
    const attempts: number[] = [];
    const { drain } = runner({ work: async (_, context) => void attempts.push(context.attempts) });
    at += minuteMs - 1;
    await drain();
    expect(attempts).toEqual([]);
    at += 1;
    await drain();
    expect(attempts).toEqual([2]);
  });

  it('that take longer than their lease stay with who has them', async () => {
    await metadata.jobs.add([job(1)]);
    const ended = Promise.withResolvers<void>();
    let runs = 0;
    const work: JobHandler = () => {
      runs++;
      return ended.promise;
    };
    const [one, other] = [runner({ work }), runner({ work })];
    const first = one.drain();
    await expect.poll(() => runs).toBe(1);
    for (let minute = 0; minute < 5; minute++) {
      at += minuteMs - 1;
      const [{ runAt } = { runAt: 0 }] = await list();
      await expect.poll(async () => (await list())[0]?.runAt).toBeGreaterThan(Math.max(runAt, at));
      await other.drain();
    }
    ended.resolve();
    await first;
    expect(runs).toBe(1);
    expect(await metadata.jobs.count()).toBe(0);
  });

  it('whose lease was lost end, and undo nothing of the one who has it now', async () => {
    await metadata.jobs.add([job(1)]);
    const frozen = { ...metadata.jobs, renew: () => new Promise<never>(() => undefined) };
    const thawed = Promise.withResolvers<void>();
    const slow = runner(
      { work: () => thawed.promise.then(() => Promise.reject(new Error('too late'))) },
      frozen,
    );
    const first = slow.drain();
    await expect.poll(async () => (await list())[0]?.attempts).toBe(1);
    at += minuteMs;
    const [mine] = await metadata.jobs.claim({
      now: at,
      leaseMs: minuteMs,
      limit: 1,
      kinds: ['work'],
    });
    thawed.resolve();
    await first;
    expect(await list()).toMatchObject([{ attempts: 2, lastError: null, runAt: at + minuteMs }]);
    await metadata.jobs.finish({ id: mine?.id ?? '', lease: mine?.lease ?? '' });
    expect(await metadata.jobs.count()).toBe(0);
  });

  it('are told to end when the lease is gone', async () => {
    await metadata.jobs.add([job(1)]);
    const told = Promise.withResolvers<void>();
    const work: JobHandler = (_, { signal }) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          told.resolve();
          reject(new Error('aborted'));
        }),
      );
    const drained = runner({ work }, { ...metadata.jobs, renew: async () => [] }).drain();
    await told.promise;
    await drained;
    expect(await list()).toMatchObject([{ attempts: 1, lastError: null }]);
  });

  it('whose end cannot be noted run again', async () => {
    let broken = true;
    let runs = 0;
    const fragile = {
      ...metadata.jobs,
      finish: (lease: JobLease) =>
        broken ? Promise.reject(new Error('gone')) : metadata.jobs.finish(lease),
      postpone: () => Promise.reject(new Error('gone')),
    };
    const { drain } = runner({ work: async () => void runs++ }, fragile);
    await metadata.jobs.add([job(1)]);
    await drain();
    broken = false;
    await drain();
    expect(runs).toBe(1);
    at += minuteMs;
    await drain();
    expect(runs).toBe(2);
    expect(await metadata.jobs.count()).toBe(0);
  });

  it('of kinds that nobody here knows are left alone', async () => {
    await metadata.jobs.add([job(1, { kind: 'of a newer version' })]);
    await runner({ work: async () => {} }).drain();
    expect(await list()).toMatchObject([{ attempts: 0 }]);
  });

  it('that hang do not keep the others waiting', async () => {
    let ran = 0;
    const hanging: JobHandler = (_, { signal }) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      );
    const { start, stop } = runner({ hang: hanging, work: async () => void ran++ });
    await metadata.jobs.add([
      ...Array.from({ length: 12 }, (_, index) => job(index, { kind: 'hang' })),
      ...Array.from({ length: 100 }, (_, index) => job(index)),
    ]);
    start();
    await expect.poll(() => ran, { interval: 5 }).toBe(100);
    await stop();
    expect(await metadata.jobs.count()).toBe(12);
  });

  it('start and stop: nothing runs afterwards, and what was under way is handed back', async () => {
    const begun = Promise.withResolvers<void>();
    const { start, stop } = runner({
      work: (_, { signal }) => {
        begun.resolve();
        return new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new Error('stopped'))),
        );
      },
    });
    await metadata.jobs.add([job(1)]);
    start();
    await begun.promise;
    await stop();
    const [left] = await list();
    expect(left).toMatchObject({ attempts: 1, lastError: 'The server was stopped.', runAt: at });
  });

  it('a database that fails for a while stops nothing for good', async () => {
    let failures = 0;
    let ran = 0;
    const fragile = {
      ...metadata.jobs,
      claim: (options: Parameters<typeof metadata.jobs.claim>[0]) =>
        failures++ < 3 ? Promise.reject(new Error('gone')) : metadata.jobs.claim(options),
    };
    await metadata.jobs.add([job(1)]);
    runner({ work: async () => void ran++ }, fragile).start();
    await expect.poll(() => ran, { interval: 5 }).toBe(1);
  });
});
