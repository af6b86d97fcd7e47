import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { replaceFile } from './replace-file.ts';

let folder: string;
let path: string;
let precious: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stowage-replace-'));
  path = join(folder, 'file');
  precious = join(folder, 'precious');
  writeFileSync(precious, 'precious');
});
afterEach(() => rmSync(folder, { recursive: true }));

it.each<[string, () => void]>([
  ['nothing', () => undefined],
  ['another file', () => writeFileSync(path, 'longer than what comes')],
  ['a file that others may read', () => writeFileSync(path, '', { mode: 0o644 })],
  ['a link', () => symlinkSync(precious, path)],
  ['a link to nothing', () => symlinkSync(join(folder, 'nothing'), path)],
  ['a pipe', () => execFileSync('mkfifo', [path])],
])('takes the place of %s', (_, prepare) => {
  prepare();
  replaceFile(path, 'new');
  const { mode } = lstatSync(path);
  expect([lstatSync(path).isFile(), mode & 0o777, readFileSync(path, 'utf8')]).toEqual([
    true,
    0o600,
    'new',
  ]);
  expect(readFileSync(precious, 'utf8')).toBe('precious');
});

it('leaves a folder alone', () => {
  mkdirSync(path);
  expect(() => replaceFile(path, 'new')).toThrow();
  expect(lstatSync(path).isDirectory()).toBe(true);
});
