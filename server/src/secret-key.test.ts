import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadSecretKey } from './secret-key.ts';

let dataDir: string;
let path: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'stowage-key-'));
  path = join(dataDir, 'secret.key');
});
afterEach(() => rm(dataDir, { recursive: true }));

const load = (secretKey?: string) => loadSecretKey({ dataDir, secretKey });

describe('the key file', () => {
  it('is made once, for this user only, also by several at once', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, () => load()));
    expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1);
    expect(keys[0]).toHaveLength(48);
    expect(await readFile(path)).toEqual(keys[0]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(dataDir)).toEqual(['secret.key']);
    expect(await load()).toEqual(keys[0]);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['empty', () => writeFile(path, ''), /has 0 bytes/],
    ['short', () => writeFile(path, 'x'.repeat(31)), /has 31 bytes/],
    ['enormous', () => writeFile(path, Buffer.alloc(100_000)), /has 100000 bytes/],
    ['a folder', () => mkdir(path), /is no regular file/],
    ['a named pipe', () => execFileSync('mkfifo', [path]), /is no regular file/],
    ['a device', () => symlink('/dev/zero', path), /is a symbolic link/],
    [
      'a link to a good one',
      () => writeFile(`${path}.good`, 'x'.repeat(48)).then(() => symlink(`${path}.good`, path)),
      /is a symbolic link/,
    ],
    ['a link to nothing', () => symlink('nothing', path), /is a symbolic link/],
  ])('is refused when it is %s', async (_, make, sentence) => {
    await make();
    await expect(load()).rejects.toMatchObject({
      code: 'service_unavailable',
      message: expect.stringMatching(sentence),
    });
    await expect(load()).rejects.toThrow(/backup|STOWAGE_SECRET_KEY/);
    // A configured key needs no file.
    expect(await load('y'.repeat(32))).toEqual(Buffer.from('y'.repeat(32)));
  });

  it('may have 32 bytes', async () => {
    await writeFile(path, 'x'.repeat(32));
    expect(String(await load())).toBe('x'.repeat(32));
  });
});
