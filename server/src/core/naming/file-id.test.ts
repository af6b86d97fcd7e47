import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cleanName,
  createStamps,
  displayName,
  type NameMode,
  nameCandidates,
  pathFromUrl,
} from './file-id.ts';

const anyName = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '..',
        '.',
        '/',
        '\\',
        '%2e',
        '%2f',
        '%',
        '\0',
        '\r\n',
        '"',
        'nul',
        '.png',
        '\ud800',
        '\u0301',
        ' ',
      ),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme', maxLength: 400 }),
    ),
    { maxLength: 10 },
  )
  .map((parts) => parts.join(''));

describe('cleanName', () => {
  it.each([
    ['photo.jpg', 'photo.jpg'],
    ['100%.png', '100_.png'],
    ['a%20b.png', 'a_b.png'],
    ['a%2Fb.png', 'b.png'],
    ['dir/sub/x.png', 'x.png'],
    ['C:\\dir\\x.png', 'x.png'],
    ['dir\\x.png', 'dir_x.png'],
    ['a\ufffdb.png', 'a_b.png'],
    ['../../etc/passwd', 'passwd'],
    ['日本 語(1).png', '日本_語_1_.png'],
    ['', 'file'],
    ['dir/', 'file'],
    ['\u0000', 'file'],
    ['.', '_'],
    ['..', '__'],
    ['a/..', '__'],
    ['.htaccess', '.htaccess'],
    ['con.txt', '_con.txt'],
    ['x\r\nSet-Cookie: a=b.png', 'xSet-Cookie__a_b.png'],
    ['a.\u202egnp', 'a.gnp'],
  ])('%j is %j', (raw, name) => expect(cleanName(raw)).toBe(name));

  it('keeps the extension of a name that is too long', () => {
    const name = cleanName(`${'日'.repeat(1500)}.jpeg`);
    expect(name).toBe(`${'日'.repeat(83)}.jpeg`);
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
  });

  it('is safe and stable for any string', () => {
    fc.assert(
      fc.property(anyName, (raw) => {
        const name = cleanName(raw);
        expect(cleanName(name)).toBe(name);
        expect(name).not.toMatch(/^\.{0,2}$|[\\/:*?"'<>| ()[\]{}#%^`~;@&=+$,]|\p{Cc}/u);
        expect(name.isWellFormed()).toBe(true);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('nameCandidates', () => {
  const now = 1_700_000_000_000;
  const at = (mode: NameMode, filename: string, contentType = 'image/png', folder = '') => {
    let drawn = 0;
    const path = nameCandidates({
      mode,
      filename,
      contentType,
      folder,
      stamp: () => now,
      random: (limit) => drawn++ % limit,
    });
    return [0, 1, 2].map(path);
  };

  it.each<[NameMode, string, string[]]>([
    [
      'default',
      'a b.png',
      ['1700000000000_a_b.png', '1700000000000_a_b(1).png', '1700000000000_a_b(2).png'],
    ],
    [
      'default',
      'README',
      ['1700000000000_README', '1700000000000_README(1)', '1700000000000_README(2)'],
    ],
    ['index', 'a.JPG', ['1700000000000.jpg', '1700000000000(1).jpg', '1700000000000(2).jpg']],
    ['index', 'blob', ['1700000000000.png', '1700000000000(1).png', '1700000000000(2).png']],
    ['origin', 'a.tar.gz', ['a.tar.gz', 'a.tar(1).gz', 'a.tar(2).gz']],
    ['origin', 'README', ['README', '(1)README', '(2)README']],
    ['short', 'a.png', ['ABCDEFGH.png', 'IJKLMNOP.png', 'QRSTUVWX.png']],
  ])('%s of %s', (mode, filename, paths) => expect(at(mode, filename)).toEqual(paths));

  it('puts the folder in front, or the directory of the name when there is none', () => {
    expect(at('origin', 'a.png', 'image/png', '/x y/z/')[0]).toBe('x_y/z/a.png');
    expect(at('origin', 'dir/sub dir/a.png')[1]).toBe('dir/sub_dir/a(1).png');
    expect(at('origin', 'dir%2Fa.png')[0]).toBe('dir/a.png');
    expect(at('origin', '../../a.png')[0]).toBe('_/_/a.png');
    expect(at('origin', 'dir/a.png', 'image/png', 'given')[0]).toBe('given/a.png');
  });

  it.each([
    'D:\\dh\\shot.png',
    'C:/Users/jo/Pictures/shot.png',
    'c:\\Users/jo\\shot.png',
    '/Users/jo/Desktop/shot.png',
    '/shot.png',
    '//nas/share/shot.png',
    '\\\\nas\\share\\shot.png',
    '\\nas\\share\\shot.png',
    '\\\\?\\C:\\shot.png',
    '~/Pictures/shot.png',
    'file:///home/jo/shot.png',
    'content://media/external/images/shot.png',
    'D%3A%5Cdh%5Cshot.png',
    '%2FUsers%2Fjo%2Fshot.png',
    ' C:\\shot.png',
    '\u200eC:\\shot.png',
  ])('takes nothing but the name from the local path %j', (filename) => {
    expect(at('origin', filename)[0]).toBe('shot.png');
    expect(at('origin', filename, 'image/png', 'given')[0]).toBe('given/shot.png');
    expect(displayName(filename)).toBe('shot.png');
  });

  it('names nothing after a local folder', () =>
    expect(at('origin', 'C:\\Users\\jo\\')[0]).toBe('file'));

  it('stamps files in the order in which they come, and never ahead of time without need', () => {
    const names = Array.from(
      { length: 2000 },
      () =>
        nameCandidates({
          mode: 'default',
          filename: 'a.png',
          contentType: 'image/png',
          folder: '',
        })(0) ?? '',
    );
    expect(names.toSorted()).toEqual(names);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) {
      expect(name).toMatch(/^\d{13}_a\.png$/);
    }

    let clock = now;
    const stamp = createStamps(() => clock);
    expect([stamp(), stamp(), stamp()]).toEqual([now, now + 1, now + 2]);
    clock -= 60_000;
    expect(stamp()).toBe(now + 3);
    clock = now + 100;
    expect(stamp()).toBe(now + 100);
  });

  it.each(['', 'a', 'a'.repeat(100)])('numbers a name that ends far behind its dot: %j', (stem) => {
    const [first = '', second = ''] = at('origin', `${stem}.${'b'.repeat(300)}`);
    expect([first, second].map((name) => Buffer.byteLength(name))).toEqual([255, 255]);
    expect(second).toBe(`${first.slice(0, -3)}(1)`);
  });

  it('gives up at the 1000th attempt', () => {
    const path = nameCandidates({
      mode: 'origin',
      filename: 'a.png',
      contentType: 'image/png',
      folder: '',
    });
    expect(path(999)).toBe('a(999).png');
    expect(path(1000)).toBeUndefined();
  });

  it('draws unpredictable names', () => {
    const path = nameCandidates({
      mode: 'short',
      filename: 'a',
      contentType: 'image/png',
      folder: '',
    });
    const names = Array.from({ length: 1000 }, (_, i) => path(i));
    expect(new Set(names).size).toBe(1000);
    for (const name of names) {
      expect(name).toMatch(/^[A-Za-z0-9]{8}\.png$/);
    }
  });

  it('yields distinct, safe paths of bounded length that can be read back through a URL', () => {
    const modes = fc.constantFrom<NameMode>('default', 'index', 'origin', 'short');
    fc.assert(
      fc.property(modes, anyName, anyName, (mode, filename, folder) => {
        const path = nameCandidates({ mode, filename, contentType: 'image/png', folder });
        const paths = [path(0), path(1), path(2), path(999)];
        expect(new Set(paths).size).toBe(4);
        for (const each of paths) {
          expect(Buffer.byteLength(each ?? '')).toBeLessThanOrEqual(1024);
          expect(Buffer.byteLength(each?.split('/').at(-1) ?? '')).toBeLessThanOrEqual(255);
          expect(pathFromUrl(encodeURI(each ?? ''))).toBe(each);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('pathFromUrl', () => {
  it.each([
    ['a/b.png', 'a/b.png'],
    ['a%20b%2Fc.png', 'a b/c.png'],
    ['a+b.png', 'a+b.png'],
    ['%E6%97%A5.png', '日.png'],
    ['日.png', '日.png'],
    ['e%CC%81.png', '\u00e9.png'],
    ['%252e.png', '%2e.png'],
    ['a(1).png', 'a(1).png'],
  ])('%j is %j', (raw, path) => expect(pathFromUrl(raw)).toBe(path));

  it.each([
    '',
    '/',
    'a//b',
    '/a',
    'a/',
    '..',
    'a/../b',
    '%2e%2e/a',
    './a',
    '%',
    '100%.png',
    '%c0%ae',
    '%ff',
    'a%00b',
    'a%0d%0ab',
    'x'.repeat(5000),
  ])('refuses %j', (raw) => expect(pathFromUrl(raw)).toBeUndefined());

  it('never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (raw) => void pathFromUrl(raw)));
  });
});
