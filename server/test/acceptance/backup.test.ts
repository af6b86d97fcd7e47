import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, symlinkSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initUpload, mergeUpload, putChunk, uploadedChunks } from './chunked-client.ts';
import { type Stowage, startStowage } from './harness.ts';
import { mediaClient, uploadMedia } from './media-client.ts';
import { eventually, objectsAsFiles, srcOf, storedObjects, upload } from './requests.ts';
import { type CommandResult, runCommand, startCommand } from './stowage-command.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const binary = 'application/octet-stream';

let app: Stowage;
let home: string;
let target: string;
/** Address to hash of everything that was acknowledged and not deleted. */
const ledger = new Map<string, string>();

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'stowage-backup-'));
  target = join(home, 'backups');
  // Objects that are rows: small-objects.test.ts.
  app = await startStowage({ env: objectsAsFiles });
  for (let index = 0; index < 20; index++) {
    await uploadOne(index * 3000);
  }
  const parts = [randomBytes(300_000), randomBytes(300_000), randomBytes(7)];
  const chunked = await initUpload(app, parts.length, { name: 'merged.bin' });
  for (const [index, part] of parts.entries()) {
    expect((await putChunk(app, chunked, index, part)).status).toBe(200);
  }
  ledger.set(await srcOf(mergeUpload(app, chunked)), sha256(Buffer.concat(parts)));
  const { body } = await uploadMedia(mediaClient(app), 'photo.jpg', 'image/jpeg');
  const url = new URL(body.data.url);
  ledger.set(url.pathname, sha256(new Uint8Array(await (await fetch(url)).arrayBuffer())));
});
afterAll(async () => {
  await app?.stop();
  await rm(home, { recursive: true, force: true });
});

async function uploadOne(size: number, name = 'a.bin'): Promise<string> {
  const bytes = Buffer.from(randomBytes(size + 1));
  const src = await srcOf(upload(app, '', { bytes, name, type: binary }));
  ledger.set(src, sha256(bytes));
  return src;
}

async function deleteOne(src: string): Promise<void> {
  const response = await app.fetch(`/api/manage/delete/${src.slice('/file/'.length)}`, {
    method: 'DELETE',
  });
  expect(response.status).toBe(200);
  ledger.delete(src);
}

const backup = (...options: readonly string[]): Promise<CommandResult> =>
  runCommand(['backup', target, ...options], { dataDir: app.dataDir });

function restore(dataDir: string, source = target): Promise<CommandResult> {
  return runCommand(['restore', source], { dataDir });
}

async function newestBackup(): Promise<string> {
  return join(target, (await readdir(target)).sort().at(-1) ?? '');
}

async function objectsIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.parentPath.includes('/objects/'))
    .map(({ parentPath, name }) => join(parentPath, name));
}

/** Status, and hash of the bytes when it is 200. */
async function read(stowage: Stowage, src: string): Promise<string> {
  const response = await stowage.fetch(src);
  const bytes = new Uint8Array(await response.arrayBuffer());
  return response.status === 200 ? sha256(bytes) : String(response.status);
}

/** A server on a restored folder. */
async function withRestored(
  dataDir: string,
  check: (restored: Stowage) => Promise<void>,
): Promise<void> {
  const restored = await startStowage({ dataDir });
  try {
    await check(restored);
  } finally {
    await restored.stop();
  }
}

/** Resolves as soon as there is such a path. */
async function appears(find: () => boolean): Promise<void> {
  for (const giveUpAt = Date.now() + 20_000; !find(); await nextTurn()) {
    if (Date.now() > giveUpAt) {
      throw new Error('It does not appear.');
    }
  }
}

function forgetLease(dataDir: string): void {
  const db = new DatabaseSync(join(dataDir, 'stowage.db'));
  db.exec('delete from leases');
  db.close();
}

describe('stowage backup and restore', () => {
  it('count every object once, also when an upload still names those of its file', async () => {
    const { stdout } = await runCommand(['backup', join(home, 'once')], { dataDir: app.dataDir });
    const [, named, copied, linked] =
      /, (\d+) objects .*: (\d+) copied, (\d+) linked/.exec(stdout) ?? [];
    expect(Number(named)).toBe(Number(copied) + Number(linked));
    expect(Number(named)).toBe((await objectsIn(join(home, 'once'))).length);
  });

  it('bring back everything acknowledged before, byte by byte, while uploads and deletions go on', async () => {
    const half = await initUpload(app, 2, { name: 'half.bin' });
    const parts = [randomBytes(50_000), randomBytes(50_000)];
    expect((await putChunk(app, half, 1, parts[1] ?? Buffer.alloc(0))).status).toBe(200);
    const before = new Map(ledger);
    const deletedMeanwhile = new Set<string>();
    let done = false;
    const busy = Array.from({ length: 3 }, async (_, worker) => {
      while (!done) {
        const src = await uploadOne(20_000);
        if (worker === 0) {
          const [oldest] = [...before.keys()].filter((one) => !deletedMeanwhile.has(one));
          if (oldest !== undefined && deletedMeanwhile.size < 12) {
            deletedMeanwhile.add(oldest);
            await deleteOne(oldest);
          }
        } else {
          await deleteOne(src);
        }
      }
    });
    const result = await backup();
    done = true;
    await Promise.all(busy);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(
      /^Backup complete: .*\n.* \d+ objects .*\n.*secret\.key is in it/,
    );

    const dataDir = join(home, 'restored');
    expect(await restore(dataDir)).toMatchObject({ code: 0, stderr: '' });
    expect(await readFile(join(dataDir, 'secret.key'))).toEqual(
      await readFile(join(app.dataDir, 'secret.key')),
    );
    for (const name of ['stowage.db', 'secret.key']) {
      expect((await stat(join(dataDir, name))).mode & 0o777).toBe(0o600);
    }
    await withRestored(dataDir, async (restored) => {
      for (const [src, hash] of before) {
        const got = await read(restored, src);
        // Deleted before the snapshot or after it, but never half.
        expect(deletedMeanwhile.has(src) ? [hash, '404'] : [hash], src).toContain(got);
      }
      const { items } = (await mediaClient(restored).call('GET', '/media?limit=100')).body.data;
      expect(items.length).toBeGreaterThan(0);
      for (const { url } of items) {
        expect(await read(restored, new URL(url).pathname)).toMatch(/^[0-9a-f]{64}$/);
      }
      // An upload that was half done goes on.
      expect(await uploadedChunks(restored, half)).toEqual([1]);
      expect((await putChunk(restored, half, 0, parts[0] ?? Buffer.alloc(0))).status).toBe(200);
      expect(await read(restored, await srcOf(mergeUpload(restored, half)))).toBe(
        sha256(Buffer.concat(parts)),
      );
    });
  }, 120_000);

  it('the next backup links what the one before holds, copies what is new, and both restore', async () => {
    const first = await newestBackup();
    await uploadOne(1234);
    const result = await backup();
    expect(result.code).toBe(0);
    const second = await newestBackup();
    expect(second).not.toBe(first);
    const inodes = async (folder: string) =>
      new Set(
        await Promise.all((await objectsIn(folder)).map(async (path) => (await stat(path)).ino)),
      );
    const [old, now] = [await inodes(first), await inodes(second)];
    expect([...now].filter((inode) => old.has(inode)).length).toBeGreaterThan(5);
    expect([...now].filter((inode) => !old.has(inode)).length).toBeGreaterThan(0);
    const full = await backup('--full');
    expect(full.stdout).toMatch(/ 0 linked/);
    const third = await inodes(await newestBackup());
    expect([...third].filter((inode) => now.has(inode))).toEqual([]);
    await rm(first, { recursive: true });
    const dataDir = join(home, 'restored-second');
    expect((await restore(dataDir, second)).code).toBe(0);
    await withRestored(dataDir, async (restored) => {
      for (const [src, hash] of ledger) {
        expect(await read(restored, src), src).toBe(hash);
      }
    });
  }, 120_000);

  it('holds deletions back while a backup is made, and no longer', async () => {
    const src = await uploadOne(5000);
    await eventually(async () => expect((await storedObjects(app)).length).toBeGreaterThan(0));
    const objects = async () =>
      (await storedObjects(app)).filter((path) => path.startsWith('objects/objects')).length;
    await delay(1500);
    const before = await objects();
    const db = new DatabaseSync(join(app.dataDir, 'stowage.db'));
    db.prepare('insert into leases values (?, ?, ?)').run('backup', 'test', Date.now() + 60_000);
    await deleteOne(src);
    await delay(2500);
    expect(await objects()).toBe(before);
    expect((await backup()).stderr).toMatch(/^Another backup of this library/);
    db.exec('update leases set held_until = 0');
    db.close();
    await eventually(async () => expect(await objects()).toBe(before - 1));
  });

  it('killed in the middle leaves nothing that looks complete, and the next one tidies up', async () => {
    const big = await uploadOne(100_000_000, 'big.bin');
    const other = join(home, 'killed');
    const isCopying = (): boolean =>
      existsSync(other) &&
      readdirSync(other).some(
        (name) => name.startsWith('.partial-') && existsSync(join(other, name, 'objects')),
      );
    const started = startCommand(['backup', other, '--full'], { dataDir: app.dataDir });
    await appears(isCopying);
    started.child.kill('SIGKILL');
    await started.result;
    expect((await readdir(other)).every((name) => name.startsWith('.partial-'))).toBe(true);
    expect(await restore(join(home, 'nothing'), other)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no complete backup/),
    });

    expect((await runCommand(['backup', other], { dataDir: app.dataDir })).stderr).toMatch(
      /killed: then its claim ends/,
    );
    forgetLease(app.dataDir);
    expect((await runCommand(['backup', other], { dataDir: app.dataDir })).code).toBe(0);
    expect((await readdir(other)).filter((name) => name.startsWith('.'))).toEqual([]);

    const stopped = startCommand(['backup', other, '--full'], { dataDir: app.dataDir });
    await appears(isCopying);
    stopped.child.kill('SIGTERM');
    expect(await stopped.result).toMatchObject({ code: 1, stderr: 'Stopped by SIGTERM.\n' });
    expect(await readdir(other)).toHaveLength(1);

    const dataDir = join(home, 'restored-killed');
    const restoring = startCommand(['restore', other], { dataDir });
    await appears(() => existsSync(join(dataDir, 'objects', 'objects')));
    restoring.child.kill('SIGKILL');
    await restoring.result;
    await expect(startStowage({ dataDir })).rejects.toThrow(
      /restore into the data folder .* did not finish/,
    );
    expect((await restore(dataDir, target)).stderr).toMatch(/holds an unfinished restore of/);
    expect((await restore(dataDir, other)).code).toBe(0);
    await withRestored(dataDir, async (restored) => {
      for (const [src, hash] of ledger) {
        expect(await read(restored, src), src).toBe(hash);
      }
    });
    await deleteOne(big);
  }, 120_000);

  it('restores nothing over anything, and says what is wrong with a backup', async () => {
    const full = join(home, 'full');
    await mkdir(full);
    await writeFile(join(full, 'note.txt'), 'mine');
    expect(await restore(full)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/is not empty/),
    });
    expect(await readdir(full)).toEqual(['note.txt']);
    expect((await restore(app.dataDir)).stderr).toMatch(/is not empty/);
    const mounted = join(home, 'mounted');
    await mkdir(join(mounted, 'lost+found'), { recursive: true });
    expect((await restore(mounted)).code).toBe(0);

    const copy = await newestBackup();
    const [first = ''] = await objectsIn(copy);
    const bytes = await readFile(first);
    const wrong = Buffer.from(bytes);
    wrong[0] = (wrong[0] ?? 0) ^ 1;
    await writeFile(first, wrong);
    const damaged = await restore(join(home, 'damaged'));
    expect(damaged).toMatchObject({ code: 3, stderr: expect.stringMatching(/is damaged\n$/) });
    await writeFile(first, bytes);

    const database = join(copy, 'stowage.db');
    const right = await readFile(database);
    await writeFile(database, right.subarray(0, right.length - 4096));
    const none = join(home, 'none');
    expect(await restore(none)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/is damaged: it is not what the manifest says/),
    });
    expect(existsSync(none)).toBe(false);
    await writeFile(database, right);
    const elsewhere = {
      dataDir: none,
      env: { STOWAGE_CHANNELS: '[{"type":"local","name":"other"}]' },
    };
    expect((await runCommand(['restore', target], elsewhere)).stderr).toMatch(
      /local channel "local", which is not configured/,
    );
  }, 120_000);

  it('backs up what is there when the library has lost something, and says so', async () => {
    const stored = async () =>
      (await objectsIn(app.dataDir)).filter((path) => path.includes('/objects/objects/'));
    const objectOf = async (src: Promise<string>) => {
      const before = new Set(await stored());
      const added = await src;
      const [path = ''] = (await stored()).filter((one) => !before.has(one));
      return { src: added, path };
    };
    const lost = await objectOf(uploadOne(4000));
    const damaged = await objectOf(uploadOne(4000));
    await rm(lost.path);
    await writeFile(damaged.path, randomBytes(4001));
    const { code, stderr, stdout } = await backup();
    const lines = stderr.trimEnd().split('\n');
    expect([code, lines.length]).toEqual([3, 2]);
    expect(lines).toContainEqual(
      expect.stringMatching(/^ {2}lost before this backup: objects.* is damaged$/),
    );
    expect(lines).toContainEqual(
      expect.stringMatching(/^ {2}lost before this backup: objects.* is missing$/),
    );
    expect(stdout).toMatch(/^Backup complete/);
    for (const { src } of [lost, damaged]) {
      await deleteOne(src);
    }
  });

  const linkTo = (folder: string): string => {
    const link = join(home, `link-${randomBytes(4).toString('hex')}`);
    symlinkSync(folder, link);
    return link;
  };

  it.each([
    [
      'in the data folder',
      () => ['backup', join(app.dataDir, 'backups')],
      /must not lie in the data folder/,
      1,
    ],
    [
      'by a link into the data folder',
      () => ['backup', linkTo(app.dataDir)],
      /must not lie in the data folder/,
      1,
    ],
    [
      'below a link into it',
      () => ['backup', join(linkTo(app.dataDir), 'a', 'b')],
      /must not lie in the data folder/,
      1,
    ],
    ['without a target', () => ['backup'], /^Name one folder/, 2],
    ['with an unknown option', () => ['backup', target, '--fast'], /Unknown option '--fast'/, 2],
    ['restore without a source', () => ['restore'], /^Name one backup/, 2],
    ['restore from nothing', () => ['restore', join(home, 'nowhere')], /cannot be read/, 1],
  ] as const)('refuses: %s', async (_, args, message, code) => {
    expect(await runCommand(args(), { dataDir: app.dataDir })).toMatchObject({
      code,
      stderr: expect.stringMatching(message),
    });
  });

  it('refuses a folder without a library, and makes none', async () => {
    const dataDir = join(home, 'empty');
    expect((await runCommand(['backup', target], { dataDir })).stderr).toMatch(
      /^There is no Stowage data in/,
    );
    expect(existsSync(dataDir)).toBe(false);
  });

  it('refuses PostgreSQL with a sentence', async () => {
    const env = { DATABASE_URL: 'postgres://localhost/none' };
    for (const command of ['backup', 'restore']) {
      const result = await runCommand([command, target], { dataDir: app.dataDir, env });
      expect(result).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/PostgreSQL.*(pg_dump|pg_restore)/),
      });
    }
  });

  it('covers local channels wherever they are, and says what lies elsewhere', async () => {
    const channels = (folder: string) =>
      JSON.stringify([
        { type: 'local', name: 'big', path: join(home, folder) },
        { type: 'memory', name: 'far' },
      ]);
    const env = { ...objectsAsFiles, STOWAGE_CHANNELS: channels('big') };
    const other = await startStowage({ env });
    try {
      const bytes = randomBytes(3000);
      const src = await srcOf(upload(other, '', { bytes, name: 'a.bin', type: binary }));
      await srcOf(upload(other, '?uploadChannel=memory', { name: 'b.bin', type: binary }));
      const made = await runCommand(['backup', join(home, 'two')], { dataDir: other.dataDir, env });
      expect(made).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(
          / 1 objects .*not in it: the bytes of 1 files on memory\/far/s,
        ),
      });

      const [dataDir, moved] = [
        join(home, 'restored-two'),
        { STOWAGE_CHANNELS: channels('moved') },
      ];
      await mkdir(join(home, 'moved'));
      await writeFile(join(home, 'moved', 'note.txt'), 'mine');
      const refused = await runCommand(['restore', join(home, 'two')], { dataDir, env: moved });
      expect(refused).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/moved is not empty/),
      });
      expect(await readdir(dataDir)).toEqual([]);
      await rm(join(home, 'moved', 'note.txt'));
      expect((await runCommand(['restore', join(home, 'two')], { dataDir, env: moved })).code).toBe(
        0,
      );
      await rm(join(home, 'big'), { recursive: true });
      const restored = await startStowage({ dataDir, env: moved });
      try {
        expect(await read(restored, src)).toBe(sha256(bytes));
      } finally {
        await restored.stop();
      }
    } finally {
      await other.stop();
    }
  }, 60_000);

  it('refuses a folder with backups of another library', async () => {
    const other = await startStowage();
    try {
      const result = await runCommand(['backup', target], { dataDir: other.dataDir });
      expect(result).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/holds backups of another library/),
      });
    } finally {
      await other.stop();
    }
  });

  it.each(['backup', 'restore'])('%s --help says how and does nothing', async (command) => {
    const result = await runCommand([command, '--help'], { dataDir: join(home, 'untouched') });
    expect(result).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^Usage:\n {2}stowage /),
    });
    expect(existsSync(join(home, 'untouched'))).toBe(false);
  });
});
