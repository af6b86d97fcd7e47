import { mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { mediaClient } from './media-client.ts';
import { eventually, objectsAsFiles, srcOf, storedObjects, upload } from './requests.ts';

const secret = 'what lies outside is nobody’s business';

describe('a symlink in the data folder (T12)', () => {
  let app: Stowage;
  let outside: string;
  let src: string;
  let object: string;
  beforeEach(async () => {
    app = await startStowage({ env: objectsAsFiles });
    outside = await mkdtemp(join(tmpdir(), 'stowage-outside-'));
    src = await srcOf(upload(app, '', { bytes: 'x'.repeat(secret.length), name: 'a.txt' }));
    object = join(app.dataDir, (await storedObjects(app))[0] ?? '');
    await writeFile(join(outside, basename(object)), secret);
  });
  afterEach(async () => {
    await app?.stop();
    await rm(outside, { recursive: true });
  });

  const read = async (): Promise<{ readonly status: number; readonly text: string }> => {
    const answer = await app.fetch(src);
    return { status: answer.status, text: await answer.text() };
  };
  async function deleteFile(): Promise<void> {
    const client = mediaClient(app);
    const { items } = (await client.call('GET', '/media')).body.data;
    expect((await client.call('DELETE', `/media/${items[0].media_id}`)).status).toBeLessThan(300);
  }

  it('in the place of an object is not read, and its target survives the deletion', async () => {
    await app.crash();
    await rm(object);
    await symlink(join(outside, basename(object)), object);
    const { status, text } = await read();
    expect(status).toBeGreaterThanOrEqual(400);
    expect(text).not.toContain(secret);
    await deleteFile();
    await eventually(async () =>
      expect(await readdir(dirname(object))).not.toContain(basename(object)),
    );
    expect(await readFile(join(outside, basename(object)), 'utf8')).toBe(secret);
  });

  it('in the place of its folder is not followed, not even to delete', async () => {
    await app.crash();
    const folder = dirname(object);
    await rename(folder, `${folder}-moved`);
    await symlink(outside, folder);
    const { status, text } = await read();
    expect(status).toBeGreaterThanOrEqual(400);
    expect(text).not.toContain(secret);
    await deleteFile();
    // New files go somewhere else, and the job that deletes has had its turn by then.
    for (let n = 0; n < 3; n++) {
      expect((await upload(app)).status).toBe(200);
    }
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await readdir(outside)).toEqual([basename(object)]);
    expect(await readFile(join(outside, basename(object)), 'utf8')).toBe(secret);
  });

  it('in the place of the day’s folder neither', async () => {
    await app.kill();
    const day = dirname(dirname(object));
    await rename(day, `${day}-moved`);
    await symlink(outside, day);
    await app.start();
    expect((await read()).status).toBeGreaterThanOrEqual(400);
    expect((await upload(app)).status).toBe(503);
    expect(await readdir(outside)).toEqual([basename(object)]);
    await rm(day);
    await rename(`${day}-moved`, day);
    expect((await upload(app)).status).toBe(200);
    expect((await read()).status).toBe(200);
  });
});
