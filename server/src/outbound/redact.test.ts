import { describe, expect, it } from 'vitest';
import { createRedact } from './redact.ts';

describe('redact', () => {
  it('removes secrets, also percent-encoded, wherever they stand', () => {
    const redact = createRedact(['s3cret/key', undefined, '', 'abc']);
    expect(redact('GET /s3cret/key and /s3cret%2Fkey abc')).toBe('GET /[secret] and /[secret] abc');
  });
});
