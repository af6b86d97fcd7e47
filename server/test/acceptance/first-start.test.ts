import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isPresent } from '../setup/programs.ts';
import { freePort } from './harness.ts';
import { nodeEnv } from './node-env.ts';

const launcher = new URL('../../bin/stowage.js', import.meta.url).pathname;

let home: string;
let busy: Server;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'stowage-first-'));
  busy = createServer().listen(0, '127.0.0.1');
  await once(busy, 'listening');
});
afterEach(async () => {
  busy.close();
  await rm(home, { recursive: true, force: true });
});

/**
 * Starts it as people do, without any credentials, by default without a terminal; ends it as soon
 * as it has told where the token is.
 */
async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  [program, ...before]: readonly [string, ...string[]] = [process.execPath, launcher],
) {
  const child = spawn(program, [...before, ...args], {
    cwd: home,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  child.stdout.on('data', (chunk: Buffer) => {
    if (/\/upload\r?\n|have the token\.\n/.test(chunk.toString())) {
      child.kill('SIGTERM');
    }
  });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await exited) as [number | null];
  return { out, err, code };
}

it('hands over the admin token in a private file, of the start that is ready, and logs what started', async () => {
  const { port } = busy.address() as AddressInfo;
  const file = join(home, 'data', 'admin-token');
  const refused = await run(['serve'], { PORT: String(port) });
  expect(refused.code).toBe(1);
  expect(refused.err).toContain(
    `cannot listen on 127.0.0.1:${port}: another program has that port`,
  );
  await expect(readFile(file)).rejects.toThrow('ENOENT');

  // Somebody's file of that name, open to all.
  await writeFile(file, 'old', { mode: 0o666 });
  const free = await freePort();
  const started = await run(['serve'], { PORT: String(free) });
  expect(started.code).toBe(0);
  expect(started.out).toContain(`Your admin token is in ${file}, which only this user can read.`);
  expect(started.out).not.toMatch(/stowage_[0-9a-f]{32}/);
  expect(await readFile(file, 'utf8')).toMatch(/^stowage_[0-9a-f]{32}\n$/);
  expect((await stat(file)).mode & 0o777).toBe(0o600);

  const lines = started.out.split('\n');
  const ready = lines.find((line) => !line.startsWith('{'));
  const entry = lines.find((line) => line.includes('"Started"')) ?? '';
  expect(ready).toBe(`Stowage is ready at http://127.0.0.1:${free}`);
  expect(JSON.parse(entry)).toMatchObject({
    level: 'info',
    msg: 'Started',
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    address: `http://127.0.0.1:${free}`,
    database: 'sqlite',
    channels: ['local/local'],
    dataDir: join(home, 'data'),
  });
});

it.skipIf(!isPresent('script'))(
  'shows the admin token on a terminal (skipped without script)',
  async () => {
    const command = `exec ${process.execPath} ${launcher} serve`;
    const { out } = await run([], { PORT: String(await freePort()) }, [
      'script',
      '-qefc',
      command,
      '/dev/null',
    ]);
    expect(out).toMatch(
      /Your admin token, shown this once.*\r?\n\r?\n {2}stowage_[0-9a-f]{32}\r?\n/,
    );
    await expect(readFile(join(home, 'data', 'admin-token'))).rejects.toThrow('ENOENT');
  },
);

it('leaves no token behind that it could not hand over', async () => {
  await mkdir(join(home, 'data', 'admin-token', 'full'), { recursive: true });
  const { code, err } = await run(['serve'], { PORT: String(await freePort()) });
  expect(code).toBe(1);
  expect(err).toMatch(/^The admin token cannot be written to the data folder: .*\n$/);
  await rm(join(home, 'data', 'admin-token'), { recursive: true });
  expect((await run(['serve'], { PORT: String(await freePort()) })).out).toContain(
    'Your admin token is in',
  );
});

it.each([['serve'], ['token', 'list'], ['migrate']])(
  'says what is wrong with the data folder: %s',
  async (...args) => {
    await writeFile(join(home, 'file'), '');
    const { code, err } = await run(args, { STOWAGE_DATA_DIR: 'file' });
    expect(code).toBe(1);
    expect(err).toContain(`The data folder ${join(home, 'file')} cannot be used`);
    expect(err).not.toContain('    at ');
  },
);

it('says so when no folder can be made there', async () => {
  const { code, err } = await run(['serve'], { STOWAGE_DATA_DIR: '/proc/stowage/data' });
  expect(code).toBe(1);
  expect(err).toContain('The data folder /proc/stowage/data cannot be used');
});

it('says why there is no database, without its password', async () => {
  const port = await freePort();
  const env = {
    ...nodeEnv(`postgres://me:hunter2@127.0.0.1:${port}/x`),
    STOWAGE_DATABASE_WAIT_SECONDS: '0',
  };
  const { code, err } = await run(['serve'], env);
  expect(code).toBe(1);
  expect(err).toContain(`ECONNREFUSED 127.0.0.1:${port}`);
  expect(err).not.toContain('hunter2');
});
