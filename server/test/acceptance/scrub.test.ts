import { createHash } from 'node:crypto';
import { readdir, readFile, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cut, initUpload, mergeUpload, putChunk } from './chunked-client.ts';
import { type Stowage, startStowage } from './harness.ts';
import { mediaClient } from './media-client.ts';
import { eventually, objectsAsFiles, pseudoRandomBytes, srcOf, upload } from './requests.ts';
import { runCommand } from './stowage-command.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let app: Stowage;
beforeAll(async () => {
  // Objects that are rows: small-objects.test.ts.
  app = await startStowage({ env: objectsAsFiles });
});
afterAll(() => app?.stop());

const scrub = (...options: readonly string[]) =>
  runCommand(['scrub', ...options], { dataDir: app.dataDir });

/** Paths of all objects that no upload holds a mark of. */
async function objects(): Promise<readonly string[]> {
  const entries = await readdir(join(app.dataDir, 'objects', 'objects'), {
    recursive: true,
    withFileTypes: true,
  });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

interface Stored {
  readonly src: string;
  readonly bytes: Buffer;
  /** In the order in which they were stored. */
  readonly paths: readonly string[];
}

async function adding(work: () => Promise<{ src: string; bytes: Buffer }>): Promise<Stored> {
  const before = new Set(await objects());
  const added = await work();
  return { ...added, paths: (await objects()).filter((path) => !before.has(path)) };
}

function addFile(size = 50_000): Promise<Stored> {
  return adding(async () => {
    const bytes = pseudoRandomBytes(size);
    return {
      bytes,
      src: await srcOf(upload(app, '', { bytes, name: 'a.bin', type: 'application/octet-stream' })),
    };
  });
}

function addMerged(): Promise<Stored> {
  return adding(async () => {
    const bytes = pseudoRandomBytes(300_000);
    const chunked = await initUpload(app, 3);
    for (const [index, chunk] of cut(bytes, 100_000).entries()) {
      expect((await putChunk(app, chunked, index, chunk)).status).toBe(200);
    }
    return { bytes, src: await srcOf(mergeUpload(app, chunked)) };
  });
}

async function swapBytes(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
  await writeFile(path, bytes);
}

/** Status, and the body as it came. */
async function get(
  path: string,
): Promise<{ readonly status: number; readonly text: string; readonly hash: string }> {
  const response = await app.fetch(path);
  const body = Buffer.from(await response.arrayBuffer());
  return { status: response.status, text: body.toString('latin1', 0, 200), hash: sha256(body) };
}

async function remove(...stored: readonly Stored[]): Promise<void> {
  for (const { src } of stored) {
    const path = `/api/manage/delete/${src.slice('/file/'.length)}`;
    expect((await app.fetch(path, { method: 'DELETE' })).status).toBe(200);
  }
}

describe('stowage scrub', () => {
  it('says that all is well when it is', async () => {
    const stored = [await addFile(), await addFile(0), await addMerged()];
    const { code, stdout, stderr } = await scrub();
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^3 copies \(.* read\): 3 good, 0 damaged, 0 missing, 0 repaired, 0 not readable now\n$/,
    );
    await remove(...stored);
  });

  it('finds swapped bytes of the same size, which are never served as good from then on', async () => {
    const stored = await addFile();
    const healthy = await addFile();
    await swapBytes(stored.paths[0] ?? '');
    const { code, stdout } = await scrub();
    expect(code).toBe(3);
    expect(stdout).toMatch(new RegExp(`^damaged: ${stored.src.slice('/file/'.length)} on local\n`));
    expect(await get(stored.src)).toMatchObject({
      status: 500,
      text: 'Error: The stored bytes of this file are damaged.',
    });
    expect((await get(healthy.src)).hash).toBe(sha256(healthy.bytes));
    const range = await app.fetch(stored.src, { headers: { range: 'bytes=0-9' } });
    expect([range.status, range.headers.get('cache-control')]).toEqual([500, 'no-store']);
    expect((await app.fetch(stored.src, { method: 'HEAD' })).status).toBe(500);

    const metrics = await (await app.fetch('/metrics')).text();
    expect(metrics).toMatch(/^stowage_replicas_broken 1$/m);
    // A quick look sees nothing wrong, and does not call it good either.
    expect((await scrub('--quick')).code).toBe(0);
    expect((await get(stored.src)).status).toBe(500);
    await writeFile(stored.paths[0] ?? '', stored.bytes);
    expect((await scrub()).code).toBe(0);
    expect((await get(stored.src)).hash).toBe(sha256(stored.bytes));
    await remove(stored, healthy);
  });

  it.each([['scrub'], ['scrub', '--quick']])(
    '%s %s finds what is gone or cut short; a file that came back is read again',
    async (...args) => {
      const [gone, short] = [await addFile(), await addFile()];
      const [path = ''] = gone.paths;
      await rename(path, `${path}.away`);
      await truncate(short.paths[0] ?? '', 100);
      const { code, stdout } = await runCommand(args, { dataDir: app.dataDir });
      expect(code).toBe(3);
      expect(stdout).toMatch(
        new RegExp(`^missing: ${gone.src.slice('/file/'.length)} on local`, 'm'),
      );
      expect(stdout).toMatch(
        new RegExp(`^damaged: ${short.src.slice('/file/'.length)} on local`, 'm'),
      );
      expect((await get(gone.src)).status).toBe(502);
      await rename(`${path}.away`, path);
      expect((await get(gone.src)).hash).toBe(sha256(gone.bytes));
      await remove(gone, short);
    },
  );

  it.each([0, 1, 2])(
    'a lost or cut segment %i of a merged file is an error with a status, never a body that breaks off',
    async (index) => {
      for (const spoil of [(path: string) => rm(path), (path: string) => truncate(path, 5)]) {
        const stored = await addMerged();
        expect(stored.paths).toHaveLength(3);
        // Objects are named by the time of their upload.
        await spoil(stored.paths[index] ?? '');
        expect(await get(stored.src)).toMatchObject({
          status: 502,
          text: expect.stringMatching(/^Error: /),
        });
        const head = index === 0 ? { start: 100_000, end: 100_099 } : { start: 0, end: 99 };
        const untouched = await app.fetch(stored.src, {
          headers: { range: `bytes=${head.start}-${head.end}` },
        });
        expect(Buffer.from(await untouched.arrayBuffer())).toEqual(
          stored.bytes.subarray(head.start, head.end + 1),
        );
        await remove(stored);
      }
    },
  );

  it('finds objects that no file knows, and removes them only when told to and old enough', async () => {
    const stored = await addFile();
    const open = await initUpload(app, 2);
    expect((await putChunk(app, open, 0, pseudoRandomBytes(1000))).status).toBe(200);
    await eventually(async () => expect((await scrub()).code).toBe(0));
    const folder = (stored.paths[0] ?? '').replace(/[^/]+$/, '');
    const [young, old] = [join(folder, '2026~11~young.bin'), join(folder, '2026~11~old.bin')];
    for (const path of [young, old]) {
      await writeFile(path, 'left over');
    }
    const longAgo = new Date(Date.now() - 48 * 3_600_000);
    for (const path of [old, ...(await objects()).filter((one) => one !== young)]) {
      await utimes(path, longAgo, longAgo);
    }

    const listed = await scrub();
    expect([listed.code, listed.stdout.match(/^orphan: .*$/gm)]).toEqual([
      3,
      [expect.stringMatching(/old\.bin.* on local, 9 bytes/)],
    ]);
    expect((await scrub('--remove-orphans', '--older-than', '3d')).code).toBe(0);
    expect(await objects()).toContain(old);
    const removed = await scrub('--remove-orphans');
    expect([removed.code, removed.stdout]).toEqual([
      0,
      expect.stringMatching(/^removed orphan: .*old\.bin/m),
    ]);
    expect(await objects()).not.toContain(old);
    expect(await objects()).toContain(young);
    expect((await get(stored.src)).hash).toBe(sha256(stored.bytes));
    expect((await putChunk(app, open, 1, pseudoRandomBytes(10))).status).toBe(200);
    expect((await mergeUpload(app, open)).status).toBe(200);
    await rm(young);
  });

  it('damage is an error in the words of the Media API as well', async () => {
    const stored = await addFile();
    await swapBytes(stored.paths[0] ?? '');
    await scrub();
    const { items } = (await mediaClient(app).call('GET', '/media?limit=1')).body.data;
    expect((await get(new URL(items[0].url).pathname)).status).toBe(500);
    await remove(stored);
  });

  it.each([
    [['--older-than', '5m'], /--older-than must be a time such as/],
    [['--fast'], /Unknown option '--fast'/],
  ])('refuses %j', async (args, message) => {
    expect(await scrub(...args)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(message),
    });
  });
});
