import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanFolder } from './folder.ts';

describe('cleanFolder', () => {
  it.each([
    ['', ''],
    ['   ', ''],
    ['/', ''],
    ['a', 'a'],
    ['/a/b/', 'a/b'],
    ['a//b///c', 'a/b/c'],
    ['a\\b', 'a/b'],
    ['blog posts/2024', 'blog_posts/2024'],
    ['图片/二〇二四', '图片/二〇二四'],
    ['a-b_c.d!', 'a-b_c.d!'],
    ['a:b*c?d"e\'f<g>h|i', 'a_b_c_d_e_f_g_h_i'],
    ['(a)[b]{c}#d^e`f~g;h@i&j=k+l$m,n', '_a__b__c__d_e_f_g_h_i_j_k_l_m_n'],
    ['%E5%9B%BE/a%20b', '图/a_b'],
    ['a%2Fb', 'a/b'],
    ['100%', '100_'],
    ['100%zz/%41', '100_zz/_41'],
    ['..', '_'],
    ['../../etc', '_/_/etc'],
    ['a/./b/.', 'a/_/b/_'],
    ['a\\.\\b', 'a/_/b'],
    ['%2e%2e%2fetc', '_/etc'],
    ['%252e%252e%252fetc', '_2e_2e_2fetc'],
    ['%c0%ae%c0%ae/x', '_c0_ae_c0_ae/x'],
    ['..\\..\\x', '_/_/x'],
    ['a/.\u0000./b', 'a/_/b'],
    ['a%00b\u0007\u202e\ud800c', 'abc'],
    ['cafe\u0301', 'caf\u00e9'],
    ['con/NUL.txt/COM1/console', '_con/_NUL.txt/_COM1/console'],
  ])('%j is %j', (raw, folder) => expect(cleanFolder(raw)).toBe(folder));

  it('bounds what is too long, keeping whole segments', () => {
    expect(cleanFolder('日'.repeat(4000))).toBe('日'.repeat(85));
    const deep = cleanFolder('ab/'.repeat(2000));
    expect(deep).toMatch(/^(ab\/)+ab$/);
    expect(Buffer.byteLength(deep)).toBeLessThanOrEqual(768);
  });

  it('is safe and stable for any string', () => {
    const part = fc.oneof(
      fc.constantFrom(
        '..',
        '.',
        '/',
        '\\',
        '%2e',
        '%2f',
        '%25',
        '%',
        '\0',
        'con',
        'aux.',
        '\ud800',
        '\u0301',
        ' ',
        '%c0%ae',
        '=\u0338',
      ),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme', maxLength: 400 }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        const folder = cleanFolder(parts.join(''));
        expect(cleanFolder(folder)).toBe(folder);
        expect(folder).toBe(folder.normalize('NFC'));
        expect(folder.isWellFormed()).toBe(true);
        expect(folder).not.toMatch(/\.\.|[\\:*?"'<>| ()[\]{}#%^`~;@&=+$,]|\p{Cc}/u);
        for (const segment of folder === '' ? [] : folder.split('/')) {
          expect(segment).not.toMatch(/^\.?$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i);
          expect(Buffer.byteLength(segment)).toBeLessThanOrEqual(255);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
