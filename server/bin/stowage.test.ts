import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** The Node of the machine, when it is an old one. */
const old = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
  const { stdout } = spawnSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' });
  return Number(stdout?.split('.')[0]) < 24;
});

const MAIN = `
const [first, second]: string[] = process.argv.slice(2);
if (second === 'shape') {
  console.log(JSON.stringify({ pid: process.pid, flags: process.execArgv, arenas: process.env.MALLOC_ARENA_MAX }));
  process.exit();
}
if (first === 'wait') {
  const timer = setInterval(() => {}, 1000);
  process.on('SIGTERM', () => { clearInterval(timer); console.log('stopping'); process.exitCode = 5; });
} else process.exitCode = 7;
// Last: who reads it may send the signal.
console.log('main', process.argv.slice(2).join(' '), process.versions.node.split('.')[0]);
`;

const root = mkdtempSync(join(tmpdir(), 'stowage-launcher-'));
const launcher = join(root, 'server/bin/stowage.js');

beforeAll(() => {
  for (const folder of ['server/bin', 'server/src', 'node_modules/.bin']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  cpSync(fileURLToPath(new URL('./stowage.js', import.meta.url)), launcher);
  writeFileSync(join(root, 'server/package.json'), '{"type": "module"}');
  writeFileSync(join(root, 'server/src/main.ts'), MAIN);
});

afterAll(() => rmSync(root, { recursive: true }));

describe('the launcher', () => {
  it('runs main.ts with its arguments on a new Node', () => {
    const { stdout, status } = spawnSync(process.execPath, [launcher, 'token', 'list'], {
      encoding: 'utf8',
    });
    expect({ stdout, status }).toEqual({
      stdout: expect.stringMatching(/^main token list 2\d\n$/),
      status: 7,
    });
  });

  it('starts a server with a small heap, as the same process', async () => {
    const child = spawn(process.execPath, [launcher, 'serve', 'shape'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const shape = JSON.parse(await text(child.stdout));
    expect(shape).toEqual({
      pid: child.pid,
      flags: ['--max-semi-space-size=8', '--heap-growing-percent=100', '--expose-gc'],
      arenas: '2',
    });
  });

  it.skipIf(!old)(
    'says in one sentence what an old Node lacks (skipped where there is no Node before 24)',
    () => {
      const { stderr, status } = spawnSync(old ?? '', [launcher], { encoding: 'utf8' });
      expect(status).toBe(1);
      expect(stderr).toMatch(
        /^Stowage needs Node 24 or newer and this is Node \d+\.\d+\.\d+: [^\n]*`npm start`[^\n]*\n$/,
      );
    },
  );

  it.skipIf(!old).each(['.bin', `node-${process.platform}-${process.arch}/bin`])(
    'hands over to the Node in node_modules/%s, with arguments, signals and exit code (skipped where there is no Node before 24)',
    async (place) => {
      const folder = join(root, 'node_modules', place);
      mkdirSync(folder, { recursive: true });
      symlinkSync(process.execPath, join(folder, 'node'));
      const child = spawn(old ?? '', [launcher, 'wait', 'a b'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      child.stdout.once('data', () => child.kill('SIGTERM'));
      const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
      rmSync(folder, { recursive: true });
      expect(output).toMatch(/^main wait a b 2\d\nstopping\n$/);
      expect(code).toBe(5);
    },
  );
});
