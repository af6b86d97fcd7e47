import { describe, expect, it } from 'vitest';
import { isUuid, uuidv7 } from './uuid.ts';

describe('uuidv7', () => {
  it('is a version 7 UUID of the time', () => {
    const id = uuidv7(Date.now() + 1000);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(isUuid(id)).toBe(true);
    expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBeGreaterThanOrEqual(
      Date.now(),
    );
  });

  it('ascends within a ms, and when the clock is set back', () => {
    const now = Date.now() + 10_000;
    const ids = Array.from({ length: 20_000 }, (_, i) => uuidv7(now - (i % 3) * 1000));
    expect(ids).toEqual([...new Set(ids)].sort());
  });

  it('uses every variant and is not the counter alone', () => {
    const ids = Array.from({ length: 1000 }, () => uuidv7());
    expect(new Set(ids.map((id) => id[19]))).toEqual(new Set('89ab'));
    expect(new Set(ids.map((id) => id.slice(24))).size).toBe(1000);
  });
});

describe('isUuid', () => {
  it.each([
    ['0190a6f2-7b5c-7c1e-8f00-0123456789ab', true],
    ['0190A6F2-7B5C-4C1E-8F00-0123456789AB', true],
    ['0190a6f27b5c7c1e8f000123456789ab', false],
    ['0190a6f2-7b5c-7c1e-8f00-0123456789ab\n', false],
    ["' or 1=1", false],
    ['', false],
  ])('%j: %s', (text, valid) => expect(isUuid(text)).toBe(valid));
});
