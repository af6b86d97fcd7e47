import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort, type Stowage, startStowage } from './harness.ts';
import { mediaClient } from './media-client.ts';
import {
  eventually,
  pseudoRandomBytes,
  smallObjectKinds,
  storedObjects,
  upload,
} from './requests.ts';
import { type SmallDisk, smallDisk } from './small-disk.ts';

const launcher = new URL('../../bin/stowage.js', import.meta.url).pathname;
const probe = smallDisk(8, 'ext4');
probe?.remove();

/**
 * Somebody else takes the disk to the last byte: people must still be able to read, and to make
 * room by deleting.
 */
describe.skipIf(probe === undefined)('no room at all (skipped without the right to mount)', () => {
  let disk: SmallDisk;
  let app: Stowage;
  afterEach(async () => {
    await app?.stop();
    disk.remove();
  });

  async function startFilled(files: number, env: Record<string, string>): Promise<void> {
    disk = smallDisk(120, 'ext4') as SmallDisk;
    app = await startStowage({ dataDir: `${disk.path}/data`, env });
    for (let n = 0; n < files; n++) {
      expect(await send()).toBe(200);
    }
    await eventually(async () => expect(await storedObjects(app)).toHaveLength(files));
  }
  const send = async (size = 100_000): Promise<number> => {
    const bytes = pseudoRandomBytes(size);
    return (await upload(app, '', { bytes, name: 'a.bin', type: 'application/octet-stream' }))
      .status;
  };
  async function expectDeletable(count: number): Promise<void> {
    const client = mediaClient(app);
    const { items, total } = (await client.call('GET', `/media?limit=${count}`)).body.data;
    for (const { media_id: id, url } of items) {
      expect((await app.fetch(new URL(url).pathname)).status).toBe(200);
      expect((await client.call('DELETE', `/media/${id}`)).status).toBe(200);
    }
    expect((await client.call('GET', '/media?limit=1')).body.data.total).toBe(total - count);
    await eventually(async () => expect(await storedObjects(app)).toHaveLength(total - count));
  }
  const cases = smallObjectKinds.flatMap((small) =>
    (['space', 'inodes'] as const).map((what) => ({ ...small, what })),
  );
  const shortages = { space: () => disk.fill(), inodes: () => disk.fillInodes() };

  it.each(cases)(
    'without $what: reads, deletes, refuses uploads, recovers by itself ($kind)',
    async ({ kind, what, env }) => {
      await startFilled(40, env);
      await shortages[what]();
      // A row needs no inode and may fit the log as it is; the disk is asked once a second.
      expect(kind === 'rows' ? [200, 507] : [507]).toContain(await send());
      await expectDeletable(40);
      await disk.free();
      await eventually(async () => expect(await send()).toBe(200));
      // The reserve is there again.
      await disk.fill();
      await expectDeletable(1);
    },
  );

  it('serves on when its log is on the full disk, and writes it later', async () => {
    disk = smallDisk(40, 'ext4') as SmallDisk;
    const path = `${disk.path}/log`;
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/healthz`;
    const env = {
      PATH: process.env.PATH ?? '',
      PORT: String(port),
      STOWAGE_DATA_DIR: `${disk.path}/data`,
    };
    const log = await open(path, 'w');
    const child = spawn(process.execPath, [launcher, 'serve'], {
      env,
      stdio: ['ignore', log.fd, 'ignore'],
    });
    const exited = once(child, 'exit');
    await log.close();
    const answers = (): Promise<boolean> =>
      fetch(url, { signal: AbortSignal.timeout(2000) }).then(
        (answer) => answer.ok,
        () => false,
      );
    await expect.poll(answers).toBe(true);
    await disk.fill();
    const lines = async () =>
      (await readFile(path, 'utf8'))
        .trimEnd()
        .split('\n')
        .filter((line) => line.startsWith('{'));
    const before = (await lines()).length;
    for (let n = 0; n < 100; n++) {
      expect(await answers()).toBe(true);
    }
    await disk.free();
    await expect.poll(async () => (await lines()).length - before).toBeGreaterThanOrEqual(100);
    for (const line of await lines()) {
      JSON.parse(line);
    }
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });

  it.each(cases)(
    'without $what: starts after a crash and after a stop ($kind)',
    async ({ what, env }) => {
      await startFilled(5, env);
      await shortages[what]();
      await app.crash();
      expect((await app.fetch('/readyz')).status).toBe(200);
      expect(await send()).toBe(507);
      await expectDeletable(2);
      expect(await app.terminate()).toBe(0);
      await app.start();
      expect(await send(10_000_000)).toBe(507);
      await expectDeletable(2);
      await disk.free();
      await eventually(async () => expect(await send()).toBe(200));
    },
  );
});
