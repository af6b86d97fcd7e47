import { afterEach, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { mediaClient } from './media-client.ts';
import { eventually, pseudoRandomBytes, storedObjects, upload } from './requests.ts';
import { type SmallDisk, smallDisk } from './small-disk.ts';

const probe = smallDisk(8, 'ext4');
probe?.remove();

/** Somebody else takes the disk to the last byte: people must still be able to read, and to make room by deleting. */
describe.skipIf(probe === undefined)('no room at all (skipped without the right to mount)', () => {
  let disk: SmallDisk;
  let app: Stowage;
  afterEach(async () => {
    await app?.stop();
    disk.remove();
  });

  async function startFilled(files: number): Promise<void> {
    disk = smallDisk(120, 'ext4') as SmallDisk;
    app = await startStowage({ dataDir: `${disk.path}/data` });
    for (let n = 0; n < files; n++) expect(await send()).toBe(200);
    await eventually(async () => expect(await storedObjects(app)).toHaveLength(files));
  }
  const send = async (size = 100_000): Promise<number> => {
    const bytes = pseudoRandomBytes(size);
    return (await upload(app, '', { bytes, name: 'a.bin', type: 'application/octet-stream' })).status;
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
  const shortages = { space: () => disk.fill(), inodes: () => disk.fillInodes() };

  it.each(['space', 'inodes'] as const)('without %s: reads, deletes, refuses uploads, recovers by itself', async (what) => {
    await startFilled(40);
    await shortages[what]();
    expect(await send()).toBe(507);
    await expectDeletable(40);
    await disk.free();
    await eventually(async () => expect(await send()).toBe(200));
    // The reserve is there again.
    await disk.fill();
    await expectDeletable(1);
  });

  it.each(['space', 'inodes'] as const)('without %s: starts after a crash and after a stop', async (what) => {
    await startFilled(5);
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
  });
});
