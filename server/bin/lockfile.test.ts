import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { completeLockfile, type Lockfile, unchecked, withoutUnchecked } from './lockfile.ts';

describe('package-lock.json', () => {
  it('names the packages of every platform, else `npm ci` refuses it (mend it with: npm run lockfile)', async () => {
    const lockfile = JSON.parse(
      await readFile(new URL('../../package-lock.json', import.meta.url), 'utf8'),
    ) as Lockfile;
    expect(completeLockfile(lockfile).added).toEqual([]);
    // Only what the registry at hand did not serve when it was written.
    const lacking = unchecked(lockfile);
    expect(lacking.filter((name) => !name.startsWith('@napi-rs/blake-hash-'))).toEqual([]);
  });
});

describe('what has no checksum', () => {
  const good = { version: '1.0.0', integrity: 'sha512-x' };
  const bad = { version: '1.0.0', optional: true };
  const lockfile: Lockfile = {
    packages: {
      '': { version: '1.0.0' },
      server: { version: '1.0.0' },
      'node_modules/server': { link: true },
      'node_modules/a': good,
      'node_modules/@x/b-win32-x64': bad,
      'node_modules/a/node_modules/c-darwin-arm64': bad,
      'node_modules/needed': { version: '1.0.0' },
    },
  };

  it('is named', () =>
    expect(unchecked(lockfile)).toEqual(['@x/b-win32-x64', 'c-darwin-arm64', 'needed']));

  it('is looked up anew when it is optional', () => {
    expect(Object.keys(withoutUnchecked(lockfile).packages)).toEqual([
      '',
      'server',
      'node_modules/server',
      'node_modules/a',
      'node_modules/needed',
    ]);
  });
});

describe('completeLockfile', () => {
  const parent = {
    version: '1.0.0',
    dev: true,
    optionalDependencies: { 'x-linux-x64-gnu': '1.0.0', 'x-linux-arm64-musl': '1.0.0' },
  };
  const known = { version: '1.0.0', license: 'MIT' };

  it('enters what is missing, after the example of its siblings', () => {
    const { lockfile, added } = completeLockfile({
      packages: { 'node_modules/x': parent, 'node_modules/x-linux-x64-gnu': known },
    });
    expect(added).toEqual(['x-linux-arm64-musl']);
    expect(lockfile.packages['node_modules/x-linux-arm64-musl']).toEqual({
      version: '1.0.0',
      cpu: ['arm64'],
      dev: true,
      libc: ['musl'],
      license: 'MIT',
      optional: true,
      os: ['linux'],
    });
    expect(completeLockfile(lockfile).added).toEqual([]);
  });

  it('does not guess', () => {
    expect(() =>
      completeLockfile({ packages: { a: { optionalDependencies: { strange: '1.0.0' } } } }),
    ).toThrow('strange');
  });
});
