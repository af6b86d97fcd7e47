import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createUtf8Check, startsAsUtf8, withCharset } from './charset.ts';

describe('withCharset', () => {
  it.each([
    ['text/plain', 'text/plain', true, 'text/plain; charset=utf-8'],
    ['text/plain', 'text/plain', false, 'text/plain'],
    ['text/plain', 'text/plain; charset=utf-8', false, 'text/plain'],
    ['text/plain', 'text/plain; charset=us-ascii', true, 'text/plain; charset=utf-8'],
    ['text/plain', 'text/plain; charset=us-ascii', false, 'text/plain'],
    ...[
      'GBK',
      'gb2312',
      'GB18030',
      'Shift_JIS',
      'sjis',
      'EUC-JP',
      'EUC-KR',
      'Big5',
      'ISO-8859-1',
      'latin1',
      'windows-1251',
    ].map((label): [string, string, boolean, string] => [
      'text/plain',
      `text/plain; charset=${label}`,
      false,
      `text/plain; charset=${label}`,
    ]),
    ['text/plain', 'text/plain;charset="UTF-16LE"', false, 'text/plain; charset=UTF-16LE'],
    [
      'text/markdown',
      'text/plain; format=flowed; charset=koi8-r',
      false,
      'text/markdown; charset=koi8-r',
    ],
    ...[
      'UTF-7',
      'utf-7',
      'ISO-2022-JP',
      'iso-2022-kr',
      'ISO-2022-CN',
      'hz-gb-2312',
      'UTF-32',
      'x-user-defined',
      'unicode-1-1-utf-7',
    ].map((label): [string, string, boolean, string] => [
      'text/plain',
      `text/plain; charset=${label}`,
      true,
      'text/plain; charset=utf-8',
    ]),
    ['text/plain', 'text/plain; charset=gbk\r\nX: y', false, 'text/plain'],
    ['text/html', 'text/html; charset=gbk', false, 'text/html; charset=gbk'],
    ['application/json', '', true, 'application/json; charset=utf-8'],
    ['application/vnd.apple.mpegurl', '', true, 'application/vnd.apple.mpegurl'],
    [
      'application/x-subrip',
      'application/x-subrip; charset=gbk',
      false,
      'application/x-subrip; charset=gbk',
    ],
    ['image/png', 'image/png; charset=gbk', false, 'image/png'],
    ['application/octet-stream', 'text/plain; charset=gbk', false, 'application/octet-stream'],
  ])('%s declared %j, UTF-8: %s: %s', (contentType, declared, utf8, expected) =>
    expect(withCharset(contentType, declared, utf8)).toBe(expected),
  );
});

describe('the check of a stream', () => {
  const cut = fc
    .tuple(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 3 }), fc.array(fc.nat(40)))
    .map(([text, junk, cuts]) => ({
      bytes: Buffer.concat([Buffer.from(text), junk]),
      cuts: cuts.toSorted((a, b) => a - b),
    }));

  it('says what a look at all bytes says, wherever they are cut', () => {
    fc.assert(
      fc.property(cut, ({ bytes, cuts }) => {
        const check = createUtf8Check();
        for (const [at, start] of [0, ...cuts].entries()) {
          check.push(bytes.subarray(start, cuts[at] ?? bytes.length));
        }
        expect(check.isUtf8()).toBe(isUtf8(bytes));
      }),
      { numRuns: 1000 },
    );
  });

  it('hears of a wrong byte however late it comes', () => {
    const check = createUtf8Check();
    for (let n = 0; n < 1000; n++) {
      check.push(Buffer.from('all of it is plain\n'));
    }
    expect(check.isUtf8()).toBe(true);
    check.push(Buffer.from('caf\xe9', 'latin1'));
    expect(check.isUtf8()).toBe(false);
  });
});

it.each([
  ['plain', 5, true],
  ['plain', 6, false],
  ['grün', 5, true],
  ['grün', 100, true],
  ['gr\u00fcn'.slice(0, 2), 2, true],
])('%s of %i bytes starts as UTF-8: %s', (text, bytes, expected) =>
  expect(startsAsUtf8(Buffer.from(text), bytes)).toBe(expected),
);

it('a head may end within a character', () => {
  const head = Buffer.from('日本語').subarray(0, 8);
  expect([startsAsUtf8(head, 100), startsAsUtf8(head, 8)]).toEqual([true, false]);
  expect(startsAsUtf8(Buffer.from('caf\xe9 and more', 'latin1'), 100)).toBe(false);
});
