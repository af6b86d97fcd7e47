import { expect, it } from 'vitest';
import { dayMs, minuteMs } from '../clock.ts';
import { createJumpGuard } from './clock-jump.ts';

/** The guard's results, minute by minute, for a wall clock that is off by these amounts. */
function said(offs: readonly number[]): readonly string[] {
  let [off, steady] = [0, 0];
  const guard = createJumpGuard(
    () => steady + off,
    () => steady,
  );
  return offs.map((next) => {
    off = next;
    steady += minuteMs;
    return guard();
  });
}

it('believes a clock that drifts, or is set back', () => {
  expect(said([0, 500, 1000, -500, -dayMs, -dayMs])).toEqual(Array(6).fill('steady'));
});

it('rests for ten minutes after a jump ahead: a clock that is set right by then removed nothing', () => {
  expect(said([0, dayMs, dayMs, 0, ...Array(8).fill(0)])).toEqual([
    'steady',
    'jumped',
    ...Array(9).fill('resting'),
    'steady',
  ]);
});
