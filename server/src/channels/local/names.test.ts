import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fileNameOf, markOf, pathOf, unmark } from './names.ts';

const characters = [...'abcXYZ0189._-'];
const segment = fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 12 });
const key = fc.array(segment, { minLength: 1, maxLength: 6 }).map((segments) => segments.join('/'));

describe('names', () => {
  it('a mark tells path and key of its object', () => {
    fc.assert(
      fc.property(
        key.filter((text) => text !== '.' && text !== '..'),
        (text) => {
          const path = `2026-11-22/14-37/${fileNameOf(text)}`;
          expect(pathOf({ path })).toBe(path);
          expect(unmark(markOf(path))).toEqual({ path, key: text });
          expect(markOf(path)).not.toContain('/');
        },
      ),
    );
  });

  it('no two keys share a name', () => {
    fc.assert(
      fc.property(
        key,
        key,
        (one, other) => one === other || one.replaceAll('/', '~') !== other.replaceAll('/', '~'),
      ),
    );
  });

  it('a longest name fits into 255 bytes with its mark', () => {
    expect(
      markOf(`2026-11-22/14-123456/${fileNameOf('k'.repeat(200))}`).length,
    ).toBeLessThanOrEqual(255);
  });

  it.each(['', 'check-abc', '2026-11-22~14-0~', '2026-11-22~14-0~..', '2026-11-22~14~a', 'x~y~z'])(
    '%j is no mark',
    (name) => {
      expect(unmark(name)).toBeUndefined();
    },
  );
});
