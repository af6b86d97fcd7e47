import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFolders, shared } from './folders.ts';

let objects: string;

beforeEach(() => {
  objects = mkdtempSync(join(tmpdir(), 'stowage-folders-'));
});

afterEach(() => {
  rmSync(objects, { recursive: true });
});

describe('createFolders', () => {
  const noon = Date.UTC(2026, 10, 22, 12, 59, 59);

  it('changes folder after 4,096 names and with the hour', async () => {
    let now = noon;
    const folders = createFolders(objects, () => now);
    const taken = Array.from({ length: 4097 }, () => folders.take());
    expect([taken[0]?.path, taken[4095]?.path, taken[4096]?.path]).toEqual([
      '2026-11-22/12-0',
      '2026-11-22/12-0',
      '2026-11-22/12-1',
    ]);
    now += 1000;
    const next = folders.take();
    expect(next.path).toBe('2026-11-22/13-0');
    await Promise.all([taken[0]?.sync(), next.sync()]);
    for (const folder of [...taken, next]) {
      folder.release();
    }
    folders.close();
  });

  it('shares no folder with another process', async () => {
    const both = [createFolders(objects, () => noon), createFolders(objects, () => noon)];
    const taken = both.map((folders) => folders.take());
    expect(taken.map(({ path }) => path)).toEqual(['2026-11-22/12-0', '2026-11-22/12-1']);
    await Promise.all(taken.map((folder) => folder.sync().then(folder.release)));
    both.map((folders) => folders.close());
  });

  it('closes a folder with its last user', async () => {
    const before = readdirSync('/proc/self/fd').length;
    const folders = createFolders(objects, () => noon);
    const folder = folders.take();
    folders.close();
    await folder.sync();
    folder.release();
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });

  it('goes on by itself once folders can be made again', async () => {
    const folders = createFolders(join(objects, 'deep'), () => noon);
    writeFileSync(join(objects, 'deep'), 'in the way');
    expect(() => folders.take()).toThrow(expect.objectContaining({ code: 'service_unavailable' }));
    rmSync(join(objects, 'deep'));
    mkdirSync(join(objects, 'deep'));
    const folder = folders.take();
    expect(folder.path).toBe('2026-11-22/12-0');
    await folder.sync();
    folder.release();
    folders.close();
  });
});

describe('shared', () => {
  it('gives every caller a run that began after the call, one at a time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 40 }),
        async (waits) => {
          let runs = 0;
          let active = 0;
          const join = shared(async () => {
            runs++;
            expect(++active).toBe(1);
            await new Promise(setImmediate);
            active--;
          });
          const begun: Promise<void>[] = [];
          for (const wait of waits) {
            const before = runs;
            begun.push(join().then(() => expect(runs).toBeGreaterThan(before)));
            for (let turn = 0; turn < wait; turn++) {
              await Promise.resolve();
            }
            if (wait === 4) {
              await new Promise(setImmediate);
            }
          }
          await Promise.all(begun);
          expect(active).toBe(0);
        },
      ),
    );
  });

  it('shares runs', async () => {
    let runs = 0;
    const join = shared(async () => {
      runs++;
      await new Promise(setImmediate);
    });
    await Promise.all(Array.from({ length: 100 }, join));
    expect(runs).toBe(2);
  });

  it('tells a failure to those who shared it only', async () => {
    let runs = 0;
    const join = shared(async () => {
      await new Promise(setImmediate);
      if (++runs === 1) {
        throw new Error('disk on fire');
      }
    });
    const results = await Promise.allSettled([join(), join(), join()]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  });
});
