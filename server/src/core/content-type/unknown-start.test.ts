import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { fileTypeFromBuffer } from 'file-type';
import { describe, expect, it } from 'vitest';
import { hasUnknownStart } from './unknown-start.ts';

const plain = Buffer.alloc(512, 0x99);

describe('bytes that no signature can match', () => {
  it('are recognised', () => {
    expect(hasUnknownStart(plain)).toBe(true);
    expect(hasUnknownStart(plain.subarray(0, 511))).toBe(false);
  });

  it('are of no type for file-type either', async () => {
    let asked = 0;
    for (let round = 0; round < 5000; round++) {
      const head = randomBytes(600);
      head[0] = round & 0xff;
      if (hasUnknownStart(head)) {
        asked++;
        expect(await fileTypeFromBuffer(head)).toBeUndefined();
      }
    }
    expect(asked).toBeGreaterThan(2000);
  });

  it('begin as no signature does in the source of file-type', async () => {
    const path = fileURLToPath(import.meta.resolve('file-type'));
    const source = await readFile(path, 'utf8');
    const found = [...source.matchAll(signature)]
      .filter(([, , , options = '']) => !options.includes('offset'))
      .map(([, hex, text = '']) => (hex === undefined ? text.charCodeAt(0) : Number(hex)));
    expect(found.length).toBeGreaterThan(100);
    for (const byte of new Set(found)) {
      const head = Buffer.from(plain);
      head[0] = byte;
      expect([byte, hasUnknownStart(head)]).toEqual([byte, false]);
    }
  });

  it.each([
    ['-lh5-', 2],
    ['ftyp', 4],
    ['moov', 4],
    ['mdat', 4],
    ['free', 4],
    ['wide', 4],
    ['**ACE', 7],
    ['acsp', 36],
    ['SCRM', 44],
    ['BOOKMOBI', 60],
    ['DICM', 128],
    ['ustar', 257],
    ['\0\0\0\0\0\0', 257],
  ])('do not hold %j at %i', (text, at) => {
    const head = Buffer.from(plain);
    head.write(text, at, 'latin1');
    expect(hasUnknownStart(head)).toBe(false);
  });
});

/** `this.check([0x42, ...])` and `this.checkString('GIF', { offset: 4 })`. */
const signature =
  /this\.check(?:String)?\((?:\[(0x[0-9A-Fa-f]+)[^\]]*\]|'([^'])[^']*')(?:,\s*(\{[^}]*\}))?\)/g;
