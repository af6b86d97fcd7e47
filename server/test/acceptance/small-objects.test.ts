import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import {
  eventually,
  objectsAsFiles,
  objectsAsRows,
  pseudoRandomBytes,
  srcOf,
  storedObjects,
  upload,
} from './requests.ts';
import { runCommand } from './stowage-command.ts';

const limit = 131_072;
const binary = 'application/octet-stream';
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

interface Sent {
  readonly src: string;
  readonly bytes: Buffer;
}

describe('small objects as rows of the database', () => {
  let app: Stowage;
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'stowage-rows-'));
    app = await startStowage({ env: objectsAsRows });
  });
  afterAll(async () => {
    await app?.stop();
    await rm(home, { recursive: true, force: true });
  });

  const isRow = (path: string): boolean => path.startsWith('stowage.db/');

  async function send(size: number, query = ''): Promise<Sent> {
    const bytes = pseudoRandomBytes(size);
    return { bytes, src: await srcOf(upload(app, query, { bytes, name: 'a.bin', type: binary })) };
  }

  async function read(src: string, stowage = app): Promise<string> {
    const response = await stowage.fetch(src);
    const bytes = new Uint8Array(await response.arrayBuffer());
    return response.status === 200 ? sha256(bytes) : String(response.status);
  }

  async function remove(...sent: readonly Sent[]): Promise<void> {
    for (const { src } of sent) {
      const path = `/api/manage/delete/${src.slice('/file/'.length)}`;
      expect((await app.fetch(path, { method: 'DELETE' })).status).toBe(200);
    }
    await eventually(async () => expect(await storedObjects(app)).toEqual([]));
  }

  function inDatabase(work: (database: DatabaseSync) => void): void {
    const database = new DatabaseSync(join(app.dataDir, 'stowage.db'), { timeout: 10_000 });
    try {
      work(database);
    } finally {
      database.close();
    }
  }

  /** Exchanges the bytes of the only row. */
  function setBytes(bytes: Uint8Array): void {
    inDatabase((database) => {
      const { changes } = database.prepare('update small_objects set bytes = ?').run(bytes);
      expect(changes).toBe(1);
    });
  }

  it.each([0, 1, 10_240, 70_000, limit])('%i bytes leave no file behind', async (size) => {
    const sent = await send(size);
    const objects = await storedObjects(app);
    expect(objects.map(isRow)).toEqual([true]);
    expect(await read(sent.src)).toBe(sha256(sent.bytes));
    await remove(sent);
  });

  it('one byte more is a file', async () => {
    const sent = await send(limit + 1);
    expect((await storedObjects(app)).map(isRow)).toEqual([false]);
    expect(await read(sent.src)).toBe(sha256(sent.bytes));
    await remove(sent);
  });

  it('are read in ranges', async () => {
    const sent = await send(10_000);
    const response = await app.fetch(sent.src, { headers: { range: 'bytes=9990-' } });
    expect([response.status, response.headers.get('content-range')]).toEqual([
      206,
      'bytes 9990-9999/10000',
    ]);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(sent.bytes.subarray(9990));
    await remove(sent);
  });

  it('get what the fields behind the file say', async () => {
    const form = new FormData();
    form.append('file', new Blob(['hello']), 'a.txt');
    form.append('uploadFolder', 'late');
    form.append('uploadNameType', 'origin');
    expect(await srcOf(app.fetch('/upload', { method: 'POST', body: form }))).toBe(
      '/file/late/a.txt',
    );
    await remove({ src: '/file/late/a.txt', bytes: Buffer.from('hello') });
  });

  it('of a form with many: what is beyond the bytes it may hold in memory becomes files', async () => {
    const bodies = Array.from({ length: 12 }, () => pseudoRandomBytes(100_000));
    const form = new FormData();
    bodies.forEach((body, at) => {
      form.append('file', new Blob([new Uint8Array(body)]), `${at}.bin`);
    });
    const response = await app.fetch('/upload', { method: 'POST', body: form });
    const answers = (await response.json()) as { src: string }[];
    const rows = (await storedObjects(app)).filter(isRow);
    expect(rows).toHaveLength(6);
    expect(await Promise.all(answers.map(({ src }) => read(src)))).toEqual(bodies.map(sha256));
    await remove(...answers.map(({ src }, at) => ({ src, bytes: bodies[at] as Buffer })));
  });

  it('are checked by scrub: swapped bytes, a lost row, and what came back', async () => {
    const sent = await send(50_000);
    const scrub = () => runCommand(['scrub'], { dataDir: app.dataDir });
    expect((await scrub()).code).toBe(0);
    setBytes(pseudoRandomBytes(50_000));
    const damaged = await scrub();
    expect(damaged.code).toBe(3);
    expect(damaged.stdout).toContain(`damaged: ${sent.src.slice('/file/'.length)} on local`);
    expect(await read(sent.src)).toBe('500');
    setBytes(sent.bytes);
    expect((await scrub()).code).toBe(0);
    expect(await read(sent.src)).toBe(sha256(sent.bytes));

    inDatabase((database) => database.exec('delete from small_objects'));
    const missing = await scrub();
    expect(missing.stdout).toContain(`missing: ${sent.src.slice('/file/'.length)} on local`);
    expect(await read(sent.src)).toBe('502');
    await remove(sent);
  });

  it('are in the backup, which reports what is damaged, and come back with it', async () => {
    const sent = await send(20_000);
    const target = join(home, 'backups');
    const backup = () => runCommand(['backup', target], { dataDir: app.dataDir });
    expect((await backup()).code).toBe(0);
    const restored = join(home, 'restored');
    expect((await runCommand(['restore', target], { dataDir: restored })).code).toBe(0);
    const other = await startStowage({ dataDir: restored, env: objectsAsRows });
    try {
      expect(await read(sent.src, other)).toBe(sha256(sent.bytes));
      expect((await storedObjects(other)).map(isRow)).toEqual([true]);
    } finally {
      await other.stop();
    }

    setBytes(pseudoRandomBytes(20_000));
    const found = await backup();
    expect(found.code).toBe(3);
    expect(found.stdout + found.stderr).toMatch(/damaged.*stowage\.db\/|stowage\.db\/.*damaged/);
    const again = await runCommand(['restore', target], { dataDir: join(home, 'again') });
    expect(again.code).toBe(3);
    await remove(sent);
  });

  it('are read, and go, when new ones are files again', async () => {
    const sent = await send(5_000);
    const dataDir = app.dataDir;
    await app.kill();
    const without = await startStowage({
      dataDir,
      env: objectsAsFiles,
    });
    try {
      expect(await read(sent.src, without)).toBe(sha256(sent.bytes));
      const file = await srcOf(upload(without, '', { bytes: sent.bytes, name: 'b.bin' }));
      expect((await storedObjects(without)).map(isRow).sort()).toEqual([false, true]);
      for (const src of [sent.src, file]) {
        const path = `/api/manage/delete/${src.slice('/file/'.length)}`;
        expect((await without.fetch(path, { method: 'DELETE' })).status).toBe(200);
      }
      await eventually(async () => expect(await storedObjects(without)).toEqual([]));
    } finally {
      await without.stop();
    }
    await app.start();
  });
});
