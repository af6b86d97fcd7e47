import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRange, type RangeAnswer } from './range.ts';

const none: RangeAnswer = { kind: 'none' };
const unsatisfiable: RangeAnswer = { kind: 'unsatisfiable' };
const range = (start: number, end: number): RangeAnswer => ({
  kind: 'range',
  range: { start, end },
});

describe('parseRange', () => {
  it.each<[string | undefined, RangeAnswer]>([
    [undefined, none],
    ['', none],
    ['bytes=0-0', range(0, 0)],
    ['bytes=0-99', range(0, 99)],
    ['bytes=10-', range(10, 99)],
    ['bytes=99-', range(99, 99)],
    ['bytes=0-1000', range(0, 99)],
    ['bytes=50-99999999999999999999999', range(50, 99)],
    ['bytes=-1', range(99, 99)],
    ['bytes=-100', range(0, 99)],
    ['bytes=-1000', range(0, 99)],
    ['BYTES=1-2', range(1, 2)],
    ['bytes= 1-2 ', range(1, 2)],
    ['bytes=100-', unsatisfiable],
    ['bytes=100-200', unsatisfiable],
    ['bytes=99999999999999999999999-', unsatisfiable],
    ['bytes=-0', unsatisfiable],
    ['bytes=2-1', none],
    ['bytes=-', none],
    ['bytes=', none],
    ['bytes', none],
    ['bytes=a-b', none],
    ['bytes=1-2x', none],
    ['bytes=1.5-2', none],
    ['bytes=--1', none],
    ['bytes=0x1-2', none],
    ['items=0-1', none],
    ['bytes=0-1,2-3', none],
    ['bytes=0-1,', none],
  ])('%s of 100 bytes', (header, answer) => expect(parseRange(header, 100)).toEqual(answer));

  it.each<[string, RangeAnswer]>([
    ['bytes=0-', unsatisfiable],
    ['bytes=0-0', unsatisfiable],
    ['bytes=-5', none],
    ['bytes=-0', unsatisfiable],
  ])('%s of an empty file', (header, answer) => expect(parseRange(header, 0)).toEqual(answer));

  it('agrees with slicing', () => {
    const position = fc.option(fc.nat(40), { nil: undefined });
    fc.assert(
      fc.property(position, position, fc.nat(30), (first, last, size) => {
        const answer = parseRange(`bytes=${first ?? ''}-${last ?? ''}`, size);
        const all = Array.from({ length: size }, (_, i) => i);
        if (answer.kind !== 'range') {
          const asked =
            first === undefined
              ? all.slice(size - Math.min(last ?? 0, size))
              : all.slice(first, (last ?? size) + 1);
          expect(asked).toEqual([]);
          return;
        }
        const { start, end } = answer.range;
        expect(0 <= start && start <= end && end < size).toBe(true);
        const wanted =
          first === undefined ? all.slice(-(last ?? 0)) : all.slice(first, (last ?? size) + 1);
        expect(all.slice(start, end + 1)).toEqual(wanted);
      }),
    );
  });

  it('never throws, and never leaves the file', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `bytes=${text}`),
        ),
        fc.maxSafeNat(),
        (header, size) => {
          const answer = parseRange(header, size);
          if (answer.kind === 'range') {
            expect(answer.range.end).toBeLessThan(size);
          }
        },
      ),
    );
  });
});
