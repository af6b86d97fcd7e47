import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  bytesOf,
  hashSource,
  type Sample,
  sampleHash,
} from '../../../test/conformance/channel/data.ts';
import type { ByteSource } from '../../core/bytes.ts';
import type { Channel } from '../../core/channel.ts';
import { streamBody } from '../../core/streams/body.ts';
import { createLocalChannel } from './index.ts';

const signal = new AbortController().signal;
let dataDir: string;
let puts = 0;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'stowage-full-'));
});

afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

function files(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

function put(source: ByteSource, size: number | undefined, to: Channel) {
  const options = { key: `test/${++puts}`, contentType: 'application/octet-stream', signal };
  return to.put(streamBody(source, { size }), options);
}

const putSample = (sample: Sample, to: Channel) => put(bytesOf(sample), sample.size, to);

describe('local channel on a full disk', () => {
  const canMount = (() => {
    const folder = mkdtempSync(join(tmpdir(), 'stowage-mount-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], {
        stdio: 'ignore',
      });
      execFileSync('umount', [folder]);
      return true;
    } catch {
      return false;
    } finally {
      rmSync(folder, { recursive: true });
    }
  })();

  const onSmallDisk = async (
    reserveBytes: number,
    work: (disk: Channel, folder: string) => Promise<void>,
  ) => {
    const folder = join(dataDir, 'disk');
    mkdirSync(folder);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder]);
    try {
      const disk = createLocalChannel({ path: folder, reserveBytes }, { dataDir });
      await work(disk, folder);
      await disk.close?.();
    } finally {
      execFileSync('umount', ['-l', folder]);
    }
  };
  const sample = { seed: 1, size: 3_000_000 };
  const diskFull = { code: 'disk_full' };

  it.skipIf(!canMount)('refuses at once what was announced and does not fit (needs mount)', () =>
    onSmallDisk(4 * 1024 * 1024, async (disk, folder) => {
      const { ref } = await putSample(sample, disk);
      let reads = 0;
      const source = (async function* () {
        reads++;
        yield* bytesOf(sample);
      })();
      await expect(put(source, sample.size, disk)).rejects.toMatchObject(diskFull);
      expect(reads).toBe(0);
      expect(files(folder)).toHaveLength(2);
      await disk.delete(ref, { signal });
      expect(files(folder)).toEqual([]);
    }),
  );

  it.skipIf(!canMount)(
    'stops a body of unknown size at the reserve and leaves nothing (needs mount)',
    () =>
      onSmallDisk(4 * 1024 * 1024, async (disk, folder) => {
        await expect(
          put(bytesOf({ seed: 1, size: 6_000_000 }), undefined, disk),
        ).rejects.toMatchObject(diskFull);
        expect(files(folder)).toEqual([]);
        expect(statfsSync(folder).bfree * statfsSync(folder).bsize).toBeGreaterThan(7_500_000);
      }),
  );

  it.skipIf(!canMount)('counts what other uploads under way have announced (needs mount)', () =>
    onSmallDisk(0, async (disk) => {
      const results = await Promise.allSettled(
        Array.from({ length: 5 }, () => putSample(sample, disk)),
      );
      const refused = results.filter((result) => result.status === 'rejected');
      expect(refused.map(({ reason }) => reason)).toEqual(
        Array(3).fill(expect.objectContaining(diskFull)),
      );
    }),
  );

  it.skipIf(!canMount)(
    'leaves nothing when the disk itself says it is full, and recovers (needs mount)',
    () =>
      onSmallDisk(0, async (disk, folder) => {
        await putSample({ seed: 2, size: 1000 }, disk);
        writeFileSync(join(folder, 'somebody-else'), Buffer.alloc(6_000_000));
        await expect(putSample(sample, disk)).rejects.toMatchObject(diskFull);
        rmSync(join(folder, 'somebody-else'));
        expect(files(folder)).toHaveLength(2);
        const { ref } = await putSample(sample, disk);
        const { stream } = await disk.get(ref, { signal });
        expect((await hashSource(stream)).hash).toBe(await sampleHash(sample));
      }),
  );

  it.skipIf(!canMount)('check tells it (needs mount)', () =>
    onSmallDisk(2 ** 40, async (disk) => {
      await expect(disk.check({ signal })).rejects.toMatchObject(diskFull);
    }),
  );
});
