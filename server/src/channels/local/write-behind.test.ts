import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { WriteBehind } from './write-behind.ts';

const enough = 32 * 1024 * 1024;

function withFile(path: string, work: (fd: number) => Promise<void>): Promise<void> {
  const fd = openSync(path, 'w');
  return work(fd).finally(() => closeSync(fd));
}

it('syncs without an error of its own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stowage-behind-'));
  await withFile(join(folder, 'file'), async (fd) => {
    const behind = new WriteBehind(fd);
    for (let round = 0; round < 5; round++) {
      writeSync(fd, Buffer.alloc(1000));
      behind.wrote(enough);
    }
    await behind.end();
  });
  rmSync(folder, { recursive: true });
});

it('does nothing for small files', () =>
  withFile('/dev/null', async (fd) => {
    const behind = new WriteBehind(fd);
    behind.wrote(enough - 1);
    await behind.end();
  }));

// A device that cannot be synced.
it('reports the failure of a sync at the end', () =>
  withFile('/dev/null', async (fd) => {
    const behind = new WriteBehind(fd);
    behind.wrote(enough);
    await expect(behind.end()).rejects.toMatchObject({ code: 'service_unavailable' });
  }));

it('reports it at the next write, and keeps it although a later sync may succeed', () =>
  withFile('/dev/null', async (fd) => {
    const behind = new WriteBehind(fd);
    behind.wrote(enough);
    await behind.end().catch(() => undefined);
    expect(() => behind.wrote(1)).toThrow();
    await expect(behind.end()).rejects.toMatchObject({ code: 'service_unavailable' });
  }));
