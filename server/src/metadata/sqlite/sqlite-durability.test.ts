import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, fdatasync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newFile, newToken, times } from '../../../test/conformance/metadata/fixtures.ts';
import { hashOf } from '../../core/streams/hash.ts';
import { openSqlite } from './sqlite.ts';
import type { Sync } from './sqlite-log.ts';

const writer = join(import.meta.dirname, '../../../test/conformance/metadata/writer.ts');
const realSync: Sync = promisify(fdatasync);

describe('durability on SQLite', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stowage-durability-'));
    path = join(folder, 'stowage.db');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('loses nothing it promised to kill -9', async () => {
    const promised: string[] = [];
    for (const lines of [1, 37, 400, 900]) {
      const child = spawn(process.execPath, [writer, 'write', folder], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const end = once(child, 'exit');
      let left = lines;
      for await (const line of createInterface(child.stdout)) {
        promised.push(line);
        if (--left === 0) {
          child.kill('SIGKILL');
        }
      }
      await end;
    }
    const store = openSqlite({ path, durability: 'full' });
    for (const line of promised) {
      const [file = '', blob = '', row] = line.split(' ');
      expect((await store.files.get(file))?.replicas[0]?.blobId).toBe(blob);
      expect(hashOf((await store.smallObjects?.get(blob)) ?? new Uint8Array())).toBe(row);
    }
    const { total } = await store.files.list({ limit: 1, offset: 0 });
    expect(promised.length).toBeGreaterThan(1000);
    expect(await store.files.usage('channel-a')).toEqual({ bytes: total * 1000, blobs: total });
    await store.close();
  });

  it('has every row it promised in what was on the disk by then', async () => {
    let started = 0;
    let synced = 0;
    const copy = (index: number) => join(folder, `copy-${index}`, 'stowage.db');
    // A sync is sure to save only what was in the files when it began.
    const sync: Sync = async (fd) => {
      const index = ++started;
      mkdirSync(join(folder, `copy-${index}`));
      for (const end of ['', '-wal']) {
        copyFileSync(path + end, copy(index) + end);
      }
      await realSync(fd);
      synced = index;
    };
    const store = openSqlite({ path, durability: 'full', sync });
    await store.migrate();
    const promises: { id: string; by: number }[] = [];
    await Promise.all(
      times(10, async () => {
        for (const _ of times(10, () => 0)) {
          const token = newToken();
          await store.tokens.add(token);
          promises.push({ id: token.id, by: synced });
          const input = newFile({ row: randomBytes(10_240) });
          await store.files.add(input);
          promises.push({ id: input.blob.id, by: synced });
        }
      }),
    );
    await store.close();

    const idsIn = (index: number) => {
      const db = new DatabaseSync(copy(index));
      const ids = db
        .prepare(
          'select id from tokens union all select blob_id from small_objects where length(bytes) = 10240',
        )
        .all();
      db.close();
      return new Set(ids.map(({ id }) => id));
    };
    const saved = new Map([...new Set(promises.map(({ by }) => by))].map((by) => [by, idsIn(by)]));
    expect(promises).toHaveLength(200);
    for (const { id, by } of promises) {
      expect(saved.get(by)?.has(id)).toBe(true);
    }
  });

  it('shares a sync between all that come at once', async () => {
    let syncs = 0;
    const sync: Sync = (fd) => {
      syncs++;
      return realSync(fd);
    };
    const store = openSqlite({ path, durability: 'full', sync });
    await store.migrate();
    syncs = 0;
    await Promise.all(times(200, () => store.tokens.add(newToken())));
    expect(syncs).toBeLessThan(50);
    await store.tokens.touch('nobody', 1);
    await store.tokens.list();
    const before = syncs;
    await store.tokens.add(newToken());
    expect(syncs).toBe(before + 1);
    await store.close();
  });

  it('syncs nothing when asked for less', async () => {
    let syncs = 0;
    const sync: Sync = async () => void syncs++;
    const store = openSqlite({ path, durability: 'normal', sync });
    await store.migrate();
    await store.tokens.add(newToken());
    await store.close();
    expect(syncs).toBe(0);
  });

  it('promises nothing after a failed sync, and recovers', async () => {
    let isBroken = false;
    const sync: Sync = (fd) =>
      isBroken ? Promise.reject(new Error('EIO: i/o error, fdatasync')) : realSync(fd);
    const store = openSqlite({ path, durability: 'full', sync });
    await store.migrate();
    isBroken = true;
    await expect(store.tokens.add(newToken())).rejects.toMatchObject({
      code: 'service_unavailable',
    });
    await expect(store.check()).rejects.toMatchObject({ code: 'service_unavailable' });
    isBroken = false;
    const token = newToken();
    await store.tokens.add(token);
    expect(await store.tokens.get(token.id)).toEqual(token);
    await store.close();
  });

  it('lets nobody promise what can be read, but is not on the disk', async () => {
    let isBroken = false;
    const sync: Sync = (fd) =>
      isBroken ? Promise.reject(new Error('EIO: i/o error, fdatasync')) : realSync(fd);
    const store = openSqlite({ path, durability: 'full', sync });
    await store.migrate();
    await store.settled();
    isBroken = true;
    const token = newToken();
    await expect(store.tokens.add(token)).rejects.toMatchObject({ code: 'service_unavailable' });
    expect(await store.tokens.get(token.id)).toEqual(token);
    await expect(store.settled()).rejects.toMatchObject({ code: 'service_unavailable' });
    isBroken = false;
    await store.settled();
    isBroken = true;
    await store.settled();
    await expect(store.settled({ force: true })).rejects.toMatchObject({
      code: 'service_unavailable',
    });
    isBroken = false;
    await store.close();
  });

  it('is settled when the write that is under way is, and at once when there is none', async () => {
    let syncs = 0;
    let gate: Promise<void> | undefined;
    const sync: Sync = async (fd) => {
      syncs++;
      await gate;
      return realSync(fd);
    };
    const store = openSqlite({ path, durability: 'full', sync });
    await store.migrate();
    const before = syncs;
    await store.settled();
    expect(syncs).toBe(before);
    const open = Promise.withResolvers<void>();
    gate = open.promise;
    const token = newToken();
    const adding = store.tokens.add(token);
    await expect.poll(() => store.tokens.get(token.id)).toBeDefined();
    let isSettled = false;
    const settling = store.settled().then(() => (isSettled = true));
    for (let turn = 0; turn < 20; turn++) {
      await new Promise(setImmediate);
    }
    expect(isSettled).toBe(false);
    open.resolve();
    await Promise.all([settling, adding]);
    await store.close();
  });

  it('fails one of many that are committed together without harm to the others', async () => {
    const store = openSqlite({ path, durability: 'full' });
    await store.migrate();
    const taken = newFile();
    await store.files.add(taken);
    const results = await Promise.allSettled(
      times(30, (index) =>
        store.files.add(index % 3 === 0 ? newFile({ path: taken.path(0) ?? '' }) : newFile()),
      ),
    );
    expect(results.map(({ status }) => status)).toEqual(
      times(30, (index) => (index % 3 === 0 ? 'rejected' : 'fulfilled')),
    );
    expect((await store.files.list({ limit: 1, offset: 0 })).total).toBe(21);
    await store.close();
  });

  it('waits for another process that holds the lock, without holding up the event loop', async () => {
    const store = openSqlite({ path, durability: 'full' });
    await store.migrate();
    const other = new DatabaseSync(path);
    other.exec('begin immediate');
    const added = store.tokens.add(newToken());
    let turns = 0;
    for (const until = Date.now() + 100; Date.now() < until; turns++) {
      await new Promise(setImmediate);
    }
    expect(turns).toBeGreaterThan(10);
    expect(await store.tokens.list()).toEqual([]);
    other.exec('commit');
    other.close();
    await added;
    await store.close();
  });

  it('says disk_full when there is no space, keeps what it has and recovers', async (context) => {
    const mount = join(folder, 'small');
    mkdirSync(mount);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', mount], { stdio: 'ignore' });
    } catch {
      context.skip('mounting a small file system is not allowed here');
    }
    try {
      const store = openSqlite({ path: join(mount, 'stowage.db'), durability: 'full' });
      await store.migrate();
      const filler = join(mount, 'filler');
      writeFileSync(filler, Buffer.alloc(1 << 20));
      const results = await Promise.allSettled(
        times(3000, () => newFile()).map((input) => store.files.add(input)),
      );
      const failed = results.filter((result) => result.status === 'rejected');
      expect(failed.length).toBeGreaterThan(0);
      for (const { reason } of failed) {
        expect(reason).toMatchObject({ code: 'disk_full' });
      }
      const kept = results.flatMap((result) =>
        result.status === 'fulfilled' && result.value ? [result.value] : [],
      );
      expect((await store.files.list({ limit: 1, offset: 0 })).total).toBe(kept.length);
      for (const stored of kept) {
        expect(await store.files.get(stored.file.id)).toEqual(stored);
      }
      await rm(filler);
      await store.files.add(newFile());
      await store.close();
    } finally {
      execFileSync('umount', [mount]);
    }
  });

  it('reads on when another process changes a table', async () => {
    const store = openSqlite({ path, durability: 'full' });
    await store.migrate();
    const token = newToken();
    await store.tokens.add(token);
    expect(await store.tokens.get(token.id)).toEqual(token);
    const other = new DatabaseSync(path);
    other.exec(
      "alter table tokens rename column name to former; alter table tokens add column name text not null default 'new'",
    );
    other.close();
    expect(await store.tokens.get(token.id)).toEqual({ ...token, name: 'new' });
    await store.close();
  });

  it('keeps its files to itself, and leaves one when closed', async () => {
    const store = openSqlite({ path: join(folder, 'new', 'stowage.db'), durability: 'full' });
    await store.migrate();
    const modes = readdirSync(join(folder, 'new')).map((name) => [
      name,
      statSync(join(folder, 'new', name)).mode & 0o777,
    ]);
    expect(modes).toEqual(
      ['stowage.db', 'stowage.db-shm', 'stowage.db-wal'].map((name) => [name, 0o600]),
    );
    await store.close();
    expect(readdirSync(join(folder, 'new'))).toEqual(['stowage.db']);
  });

  it('says what is wrong when the file cannot be opened', () => {
    writeFileSync(
      path,
      'this is no database, but it is long enough to be taken for one'.repeat(100),
    );
    expect(() => openSqlite({ path, durability: 'full' })).toThrow(
      expect.objectContaining({ code: 'service_unavailable' }),
    );
    expect(() => openSqlite({ path: join(path, 'x.db'), durability: 'full' })).toThrow(
      expect.objectContaining({ code: 'service_unavailable' }),
    );
  });
});
