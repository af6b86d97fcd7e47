import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMarks } from './marks.ts';
import { createQuickDisk, type QuickDisk } from './quick-disk.ts';

const slowDisk: QuickDisk = { isQuick: false, time: (work) => work() };
const folder = '2026-11-22/14-0';
let root: string;
let objects: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'stowage-marks-'));
  objects = join(root, 'objects');
  mkdirSync(join(objects, folder), { recursive: true });
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

function tmpFiles(): string[] {
  const entries = readdirSync(join(root, 'tmp'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

describe.each([
  ['quick', createQuickDisk()],
  ['slow', slowDisk],
])('marks on a %s disk', (_, disk) => {
  it('list what is published and not removed, and sweep what is not published', async () => {
    const marks = createMarks(root, { objects, disk });
    for (const name of ['published', 'settled', 'dead', 'busy']) {
      const path = marks.begin(`${folder}/${name}`);
      writeFileSync(path, name);
      if (name !== 'dead') {
        linkSync(path, join(objects, folder, name));
      }
      if (name !== 'busy') {
        marks.landed(`${folder}/${name}`);
      }
    }
    await marks.remove(`${folder}/settled`);
    await marks.remove(`${folder}/settled`);

    const left = await Array.fromAsync(marks.unsettled());
    expect(left).toEqual([{ ref: { path: `${folder}/published` }, key: 'published' }]);
    expect(tmpFiles().sort()).toEqual(['2026-11-22~14-0~busy', '2026-11-22~14-0~published']);
  });

  it('do not take another file of the same name for the published one', async () => {
    const marks = createMarks(root, { objects, disk });
    writeFileSync(marks.begin(`${folder}/a`), 'mine');
    marks.landed(`${folder}/a`);
    writeFileSync(join(objects, folder, 'a'), 'not mine');
    expect(await Array.fromAsync(marks.unsettled())).toEqual([]);
    expect(readdirSync(join(objects, folder))).toEqual(['a']);
  });

  it('of a dead process are found, removed and their folder with them', async () => {
    const dead = join(root, 'tmp/999999999-123-abcdef');
    mkdirSync(dead, { recursive: true });
    const mark = join(dead, '2026-11-22~14-0~b~c');
    writeFileSync(mark, 'x');
    linkSync(mark, join(objects, folder, 'b~c'));
    const marks = createMarks(root, { objects, disk });
    expect(await Array.fromAsync(marks.unsettled())).toEqual([
      { ref: { path: `${folder}/b~c` }, key: 'b/c' },
    ]);
    await marks.remove(`${folder}/b~c`);
    expect(await Array.fromAsync(marks.unsettled())).toEqual([]);
    marks.close();
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
  });

  it('of a process that cannot be seen from here are left alone in a shared folder, for a week', async () => {
    const elsewhere = join(root, 'tmp/999999999-123-abcdef-0123456789ab');
    mkdirSync(elsewhere, { recursive: true });
    for (const name of ['young', 'old']) {
      const mark = join(elsewhere, `2026-11-22~14-0~${name}`);
      writeFileSync(mark, name);
      linkSync(mark, join(objects, folder, name));
      const at = Date.now() / 1000 - (name === 'old' ? 8 : 6) * 86_400;
      utimesSync(mark, at, at);
    }
    const marks = createMarks(root, { objects, disk, isShared: true });
    expect(await Array.fromAsync(marks.unsettled())).toEqual([
      { ref: { path: `${folder}/old` }, key: 'old' },
    ]);
    expect(tmpFiles()).toHaveLength(2);
    expect(await Array.fromAsync(createMarks(root, { objects, disk }).unsettled())).toHaveLength(2);
  });
});
