import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { freePort } from './harness.ts';

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

/** Starts it as people do, without any credentials; ends it as soon as it greets. */
async function run(args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [launcher, ...args], {
    cwd: home,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  child.stdout.on('data', (chunk: Buffer) => {
    if (chunk.includes('/upload\n')) child.kill('SIGTERM');
  });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await exited) as [number | null];
  return { out, err, code };
}

it('keeps the admin token for the start that can show it', async () => {
  const { port } = busy.address() as AddressInfo;
  const refused = await run(['serve'], { PORT: String(port) });
  expect(refused.code).toBe(1);
  expect(refused.err).toContain(`cannot listen on 127.0.0.1:${port}: another program has that port`);
  expect(refused.out).not.toContain('stowage_');

  const started = await run(['serve'], { PORT: String(await freePort()) });
  expect(started.out).toMatch(/Your admin token.*\n\n {2}stowage_[0-9a-f]{32}\n/);
  expect(started.code).toBe(0);
});

it.each([['serve'], ['token', 'list'], ['migrate']])('says what is wrong with the data folder: %s', async (...args) => {
  await writeFile(join(home, 'file'), '');
  const { code, err } = await run(args, { STOWAGE_DATA_DIR: 'file' });
  expect(code).toBe(1);
  expect(err).toContain(`The data folder ${join(home, 'file')} cannot be used`);
  expect(err).not.toContain('    at ');
});

it('says why there is no database, without its password', async () => {
  const port = await freePort();
  const { code, err } = await run(['serve'], { DATABASE_URL: `postgres://me:hunter2@127.0.0.1:${port}/x` });
  expect(code).toBe(1);
  expect(err).toContain(`ECONNREFUSED 127.0.0.1:${port}`);
  expect(err).not.toContain('hunter2');
});
