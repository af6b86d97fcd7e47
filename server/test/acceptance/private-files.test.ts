import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startStowage } from './harness.ts';
import { upload } from './requests.ts';

const launcher = new URL('../../bin/stowage.js', import.meta.url).pathname;

let home: string;
let dataDir: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'stowage-private-'));
  dataDir = join(home, 'data');
});
afterEach(() => rm(home, { recursive: true, force: true }));

function run(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly said: string }> {
  const env = { PATH: process.env.PATH ?? '', STOWAGE_DATA_DIR: dataDir, PORT: '0' };
  return new Promise((resolve) => {
    execFile(process.execPath, [launcher, ...args], { cwd: home, env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, said: stdout + stderr }),
    );
  });
}

async function modesBelow(folder: string): Promise<ReadonlyMap<string, number>> {
  const names = await readdir(folder, { recursive: true });
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, (await stat(join(folder, name))).mode & 0o077] as const),
    ),
  );
}

it('are made for this user only, whatever the umask (T33)', async () => {
  const umask = process.umask(0);
  try {
    const stowage = await startStowage({ dataDir });
    try {
      expect((await upload(stowage)).status).toBe(200);
      expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
      const modes = await modesBelow(dataDir);
      expect(
        [...modes.keys()].some((name) => /^objects\/\d{4}-/.test(name) || /\/\d{4}-/.test(name)),
      ).toBe(true);
      expect([...modes].filter(([, mode]) => mode !== 0)).toEqual([]);
    } finally {
      await stowage.stop();
    }
  } finally {
    process.umask(umask);
  }
});

it.each<[string, RegExp, () => Promise<unknown>]>([
  [
    'a folder that everyone can change',
    /data folder .* can be changed by every user .*chmod 700/,
    () => chmod(dataDir, 0o777),
  ],
  [
    'a database that everyone can change',
    /stowage\.db can be changed .*chmod 600/,
    () => file('stowage.db', '', 0o666),
  ],
  [
    'a key that everyone can change',
    /secret\.key can be changed .*chmod 600/,
    () => file('secret.key', 'x'.repeat(48), 0o666),
  ],
  ['an empty key', /key file .* has 0 bytes/, () => file('secret.key', '', 0o600)],
  ['a short key', /key file .* has 31 bytes/, () => file('secret.key', 'x'.repeat(31), 0o600)],
  [
    'a log that is no file',
    /database .* cannot be opened/,
    () => file('stowage.db', '', 0o600).then(() => mkdir(join(dataDir, 'stowage.db-wal'))),
  ],
])('are refused with a sentence: %s', async (_, sentence, make) => {
  await mkdir(dataDir, { mode: 0o700 });
  await make();
  const { code, said } = await run('serve');
  expect(code).toBe(1);
  expect(said).toMatch(sentence);
  expect(said).toMatch(/^Stowage cannot start: /);
  expect(said).not.toMatch(/^ {4}at /m);
});

it('that others can read are said, by the log and by doctor', async () => {
  await mkdir(dataDir, { mode: 0o700 });
  await chmod(dataDir, 0o755);
  await file('secret.key', 'x'.repeat(48), 0o644);
  const stowage = await startStowage({ dataDir });
  const texts = [
    /data folder .* can be read by other users \(mode 0755\)/,
    /secret\.key can be read by other users \(mode 0644\)/,
  ];
  for (const text of texts) {
    expect(stowage.log.filter((line) => text.test(line))).toHaveLength(1);
  }
  await stowage.terminate();
  const { said } = await run('doctor');
  for (const text of texts) {
    expect(said).toMatch(new RegExp(`note data folder: .*${text.source}`));
  }
  await stowage.stop();
});

async function file(name: string, content: string, mode: number): Promise<void> {
  await writeFile(join(dataDir, name), content);
  await chmod(join(dataDir, name), mode);
}
