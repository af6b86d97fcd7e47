import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { matchesGlob, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

// No Docker here: what can be known of the container from its files.

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

/** `matchesGlob` passes over hidden files, Docker does not. */
const visible = (path: string) => path.replaceAll(/(^|\/)\./g, '$1_');

/**
 * As Docker reads .dockerignore: the last pattern that fits a path, or a folder above it, decides.
 */
function isIgnored(path: string): boolean {
  const folders = path.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/'));
  const patterns = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const last = patterns.findLast((pattern) =>
    folders.some((folder) => matchesGlob(visible(folder), visible(pattern.replace('!', '')))),
  );
  return last !== undefined && !last.startsWith('!');
}

describe('the image', () => {
  const tsc = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url));
  const listed = execFileSync(tsc, ['--listFilesOnly', '-p', 'server/tsconfig.build.json'], {
    cwd: root,
    encoding: 'utf8',
  });
  const sources = listed
    .split('\n')
    .map((path) => relative(root, path))
    .filter((path) => path.startsWith('server/'));

  it('has every file that the server reaches', () => {
    expect(sources.length).toBeGreaterThan(200);
    const needed = [
      ...sources,
      'server/package.json',
      'server/bin/stowage.js',
      'package-lock.json',
      '.npmrc',
      'client/package.json',
    ];
    expect(needed.filter(isIgnored)).toEqual([]);
  });

  it.each([
    '.env',
    'secrets/admin-token',
    'stowage.config.json',
    'data/stowage.db',
    'node_modules/x/index.js',
    'server/dist/main.js',
    'server/test/readme.test.ts',
    'server/src/main.test.ts',
    'server/bin/link-node.js',
    'server/test/emulators/telegram/emulator.ts',
  ])('does not have %s', (path) => {
    expect(isIgnored(path)).toBe(true);
  });

  it('is asked for its health by a command that knows the settings', () => {
    expect(read('Dockerfile')).toMatch(/^HEALTHCHECK .* CMD \["stowage", "health"\]$/m);
  });
});

describe('compose.yaml', () => {
  const compose = read('compose.yaml');

  it('needs no variable, so that `logs`, `ps` and `down` work in any shell', () => {
    const variables = compose.match(/\$\{[^}]*\}/g) ?? [];
    expect(variables.length).toBeGreaterThan(0);
    for (const variable of variables) {
      expect(variable).toMatch(/^\$\{\w+:-[^}]*\}$/);
    }
  });

  it('keeps its token in a file, is open to this machine only, and has limits', () => {
    expect(compose).toMatch(/^ {6}STOWAGE_ADMIN_TOKEN_FILE: \/run\/secrets\/admin-token$/m);
    expect(compose).not.toMatch(/STOWAGE_ADMIN_TOKEN:/);
    for (const port of compose.match(/^ {6}- ".*:\d+"$/gm) ?? ['']) {
      expect(port).toContain('"127.0.0.1:');
    }
    expect(compose).toMatch(/^ {4}mem_limit: \d+m$/m);
    expect(compose).toMatch(/^ {4}pids_limit: \d+$/m);
  });
});
