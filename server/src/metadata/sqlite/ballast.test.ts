import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createBallast } from './ballast.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stowage-ballast-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const bytes = (): number =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

it('is made in the place of links, whose targets stay as they are', () => {
  const precious = join(folder, 'precious');
  writeFileSync(precious, 'precious');
  for (const index of [1, 2, 3, 4]) {
    symlinkSync(precious, join(folder, `stowage.db-ballast${index}`));
  }
  expect(createBallast(join(folder, 'stowage.db')).release()).toBe(true);
  expect(readdirSync(folder)).toEqual(['precious']);
  expect(readFileSync(precious, 'utf8')).toBe('precious');
});

it('does without where folders have its names', () => {
  for (const index of [1, 3]) {
    mkdirSync(join(folder, `stowage.db-ballast${index}`));
  }
  expect(createBallast(join(folder, 'stowage.db')).release()).toBe(false);
  expect(readdirSync(folder)).toEqual(['stowage.db-ballast1', 'stowage.db-ballast3']);
});

it('is made again when a power cut has left names without bytes', () => {
  createBallast(join(folder, 'stowage.db'));
  const whole = bytes();
  expect(whole).toBeGreaterThan(0);
  for (const name of readdirSync(folder)) {
    truncateSync(join(folder, name), 0);
  }
  const ballast = createBallast(join(folder, 'stowage.db'));
  expect(bytes()).toBe(whole);
  expect(ballast.release()).toBe(true);
  expect(bytes()).toBe(0);
  expect([ballast.isMissing(), bytes()]).toEqual([false, whole]);
});
