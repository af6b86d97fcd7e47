import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { completeLockfile, type Lockfile } from './lockfile.ts';

describe('package-lock.json', () => {
  it('names the packages of every platform, else `npm ci` refuses it (mend it with: npm run lockfile)', async () => {
    const lockfile = JSON.parse(await readFile(new URL('../../package-lock.json', import.meta.url), 'utf8')) as Lockfile;
    expect(completeLockfile(lockfile).added).toEqual([]);
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
    expect(() => completeLockfile({ packages: { a: { optionalDependencies: { strange: '1.0.0' } } } })).toThrow('strange');
  });
});
