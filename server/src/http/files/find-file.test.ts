import { describe, expect, it } from 'vitest';
import type { StoredFile } from '../../core/metadata.ts';
import { findFile, findLinked } from './find-file.ts';

const library = new Set([
  'Zoë.png',
  '图 (1).png',
  'a/b.png',
  'a,b.png',
  'c/d.png',
  '100%.png',
  'only-there.png',
  'file/both.png',
  'both.png',
  'x%20y.png',
  'x y.png',
]);
const files = {
  getByPath: async (path: string) =>
    library.has(path) ? ({ file: { path } } as StoredFile) : undefined,
};
const roots = {
  origins: ['http://pics.example:8080', 'https://Home.example/img'],
  urlPrefix: 'https://cdn.example/i/',
};
const found = async (text: string) => (await findFile(text, files))?.file.path;
const linked = async (text: string) => (await findLinked(text, roots, files))?.file.path;

const spellings: readonly (readonly [string, string | undefined])[] = [
  ['Zoë.png', 'Zoë.png'],
  ['Zoe\u0308.png', 'Zoë.png'],
  ['Zo%C3%AB.png', 'Zoë.png'],
  ['Zoe%CC%88.png', 'Zoë.png'],
  ['图%20(1).png', '图 (1).png'],
  ['%E5%9B%BE%20%281%29.png', '图 (1).png'],
  ['a/b.png', 'a/b.png'],
  ['a%2Fb.png', 'a/b.png'],
  ['a,b.png', 'a,b.png'],
  ['c,d.png', 'c/d.png'],
  ['c%2Cd.png', 'c/d.png'],
  ['100%.png', '100%.png'],
  ['x%20y.png', 'x%20y.png'],
  ['x%2520y.png', 'x%20y.png'],
  ['zoë.png', undefined],
  ['', undefined],
  ['a/../both.png', undefined],
  ['both.png\0', undefined],
];

describe('findFile', () => {
  it.each(spellings)('%j is %j', async (text, path) => expect(await found(text)).toBe(path));

  it('takes no link', async () => expect(await found('/file/both.png')).toBeUndefined());
});

describe('findLinked', () => {
  it.each(spellings)('%j is %j', async (text, path) => expect(await linked(text)).toBe(path));

  it.each([
    ['/file/only-there.png', 'only-there.png'],
    ['//file/only-there.png', 'only-there.png'],
    ['file/only-there.png', 'only-there.png'],
    ['/only-there.png/', 'only-there.png'],
    ['/file/both.png', 'both.png'],
    ['file/both.png', 'file/both.png'],
    ['/file/file/both.png', 'file/both.png'],
    ['/file/Zo%C3%AB.png', 'Zoë.png'],
    ['/file/Zoë.png', 'Zoë.png'],
    ['/file/c,d.png', 'c/d.png'],
    ['/file/both.png?from=admin#top', 'both.png'],
    ['http://pics.example:8080/file/Zoe\u0308.png', 'Zoë.png'],
    ['http://PICS.example:8080/file/both.png', 'both.png'],
    ['http://pics.example:8080//file/both.png', undefined],
    ['https://home.example/img/file/a/b.png?x=1', 'a/b.png'],
    ['https://cdn.example/i/a/b.png', 'a/b.png'],
    ['https://elsewhere.example/file/both.png', undefined],
    ['https://elsewhere.example/i/both.png', undefined],
    ['http://pics.example:8080/other/both.png', undefined],
    ['/file/../both.png', undefined],
    ['/file/none.png', undefined],
    ['/file/', undefined],
    ['http://[', undefined],
  ])('%j is %j', async (text, path) => expect(await linked(text)).toBe(path));
});
