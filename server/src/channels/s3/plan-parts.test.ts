import fc from 'fast-check';
import { expect, it } from 'vitest';
import { maxBytesOf, planParts } from './plan-parts.ts';

const mebibyte = 2 ** 20;
const settings = { partSizeBytes: 8 * mebibyte, concurrency: 4 };

it('keeps the size of the settings as long as 10,000 parts are enough', () => {
  expect(planParts(settings, undefined)).toEqual({ partSizeBytes: 8 * mebibyte, buffers: 4 });
  expect(planParts(settings, 80_000 * mebibyte)).toEqual({
    partSizeBytes: 8 * mebibyte,
    buffers: 4,
  });
  expect(planParts(settings, 80_000 * mebibyte + 1)).toEqual({
    partSizeBytes: 8 * mebibyte + 1,
    buffers: 3,
  });
  expect(planParts(settings, maxBytesOf(settings))).toEqual({
    partSizeBytes: 32 * mebibyte,
    buffers: 1,
  });
});

it('never needs more than 10,000 parts nor more memory than the settings allow', () => {
  const part = fc.integer({ min: 5 * mebibyte, max: 1024 * mebibyte });
  fc.assert(
    fc.property(
      part,
      fc.integer({ min: 1, max: 32 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (partSizeBytes, concurrency, share) => {
        const own = { partSizeBytes, concurrency };
        const size = Math.floor(maxBytesOf(own) * share);
        const plan = planParts(own, size);
        expect(Math.ceil(size / plan.partSizeBytes)).toBeLessThanOrEqual(10_000);
        expect(plan.partSizeBytes * plan.buffers).toBeLessThanOrEqual(partSizeBytes * concurrency);
        expect(plan.partSizeBytes).toBeLessThanOrEqual(5 * 2 ** 30);
      },
    ),
  );
});
