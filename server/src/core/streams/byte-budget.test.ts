import { describe, expect, it } from 'vitest';
import { createByteBudget } from './byte-budget.ts';

describe('createByteBudget', () => {
  it('shares equally, within the limits, and again when somebody leaves', () => {
    const budget = createByteBudget({ totalBytes: 1000, minBytes: 100, maxBytes: 400 });
    const first = budget.join();
    expect(first.bytes).toBe(400);
    const others = Array.from({ length: 3 }, () => budget.join());
    expect(others.map(({ bytes }) => bytes)).toEqual([250, 250, 250]);
    const many = Array.from({ length: 20 }, () => budget.join());
    expect(first.bytes).toBe(100);
    for (const share of [...others, ...many]) {
      share.leave();
    }
    expect(first.bytes).toBe(400);
  });

  it('counts leaving once', () => {
    const budget = createByteBudget({ totalBytes: 100, minBytes: 1, maxBytes: 100 });
    const [one, other, third] = [budget.join(), budget.join(), budget.join()];
    one.leave();
    one.leave();
    expect(other.bytes).toBe(50);
    third.leave();
    expect(other.bytes).toBe(100);
  });
});
