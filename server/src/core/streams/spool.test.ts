import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAll } from './peek.ts';
import { createSpool } from './spool.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-spool-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, at + size);
    if (at % 7 === 0) {
      await new Promise(setImmediate);
    }
  }
}

function pattern(size: number): Buffer {
  return Buffer.from(
    Uint32Array.from({ length: Math.ceil(size / 4) }, (_, index) => index * 2654435761).buffer,
  ).subarray(0, size);
}

describe('spool', () => {
  it('replays any slice of what came, while it is still coming', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 900_000 }),
        fc.integer({ min: 100, max: 120_000 }),
        fc.nat({ max: 900_000 }),
        fc.nat({ max: 900_000 }),
        async (size, chunk, start, length) => {
          const bytes = pattern(size);
          const spool = createSpool(inChunks(bytes, chunk), folder);
          const [whole, slice] = await Promise.all([
            readAll(spool.open()),
            readAll(spool.slice(start, length).open()),
          ]);
          expect(whole.equals(bytes)).toBe(true);
          expect(slice.equals(bytes.subarray(start, start + length))).toBe(true);
          expect(await spool.ended).toBe(size);
          expect(spool.size).toBe(size);
          await spool.dispose();
        },
      ),
      { numRuns: 40 },
    );
  });

  it('shows what has come while the sender pauses', async () => {
    const gate = Promise.withResolvers<void>();
    async function* pausing(): AsyncGenerator<Uint8Array> {
      yield pattern(200_000);
      yield pattern(100_000);
      await gate.promise;
      yield pattern(50_000);
    }
    const spool = createSpool(pausing(), folder);
    expect(await spool.arrived(300_000)).toBe(300_000);
    expect((await readAll(spool.slice(150_000, 150_000).open())).length).toBe(150_000);
    gate.resolve();
    expect(await spool.ended).toBe(350_000);
    expect(await readAll(spool.open())).toEqual(
      Buffer.concat([pattern(200_000), pattern(100_000), pattern(50_000)]),
    );
    await spool.dispose();
  });

  it('leaves no file behind, even while it is open', async () => {
    const spool = createSpool(inChunks(pattern(3_000_000), 65_536), folder);
    await spool.ended;
    expect(await readdir(folder)).toEqual([]);
    await spool.dispose();
  });

  it("passes the source's own error on to every follower", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield pattern(400_000);
      throw new RangeError('cut');
    }
    const spool = createSpool(broken(), folder);
    await expect(readAll(spool.open())).rejects.toThrow('cut');
    await expect(spool.arrived(1_000_000)).rejects.toThrow('cut');
    await expect(spool.ended).rejects.toThrow('cut');
    await spool.dispose();
  });

  it('lets go of followers that wait when it is disposed of', async () => {
    const gate = Promise.withResolvers<void>();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield pattern(10);
      await gate.promise;
    }
    const spool = createSpool(slow(), folder);
    const reading = readAll(spool.open());
    const disposing = spool.dispose();
    await expect(reading).rejects.toMatchObject({ code: 'client_closed' });
    gate.resolve();
    await disposing;
  });
});
