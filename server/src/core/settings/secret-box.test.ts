import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createSecretBox, isSealed } from './secret-box.ts';

describe('a sealed secret', () => {
  const key = randomBytes(48);
  const box = createSecretBox(key);

  it.each(['', 'x', '123456:ABC-def', 'Zürich 漢字 🗝', 'a'.repeat(100_000)])(
    'opens again (%#)',
    (text) => {
      const sealed = box.seal(text, 'channel a botToken');
      expect(isSealed(sealed)).toBe(true);
      expect(box.open(sealed, 'channel a botToken')).toBe(text);
      expect(createSecretBox(key).open(sealed, 'channel a botToken')).toBe(text);
    },
  );

  it('shows neither the text nor the key, and is never the same twice', () => {
    const sealed = box.seal('canary-canary', 'place');
    expect(JSON.stringify(sealed)).not.toContain('canary');
    expect(JSON.stringify(sealed)).not.toContain(Buffer.from('canary-canary').toString('base64'));
    expect(key.toString('hex')).not.toContain(box.kid);
    expect(box.seal('canary-canary', 'place').data).not.toBe(sealed.data);
  });

  it('opens only in its place', () => {
    const sealed = box.seal('secret', 'channel a password');
    expect(() => box.open(sealed, 'channel b password')).toThrow(/was changed in the database/);
  });

  it('opens only with its key, whose id it names', () => {
    const other = createSecretBox(randomBytes(48));
    const sealed = other.seal('secret', 'place');
    expect(other.kid).not.toBe(box.kid);
    expect(() => box.open(sealed, 'place')).toThrow(other.kid);
  });

  it.each(['iv', 'tag', 'data'] as const)('does not open after a change of its %s', (member) => {
    const sealed = box.seal('secret', 'place');
    const bytes = Buffer.from(sealed[member], 'base64');
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    const changed = { ...sealed, [member]: bytes.toString('base64') };
    expect(() => box.open(changed, 'place')).toThrow(/was changed/);
  });

  it('has a whole tag', () => {
    const sealed = box.seal('secret', 'place');
    const tag = Buffer.from(sealed.tag, 'base64').subarray(0, 4).toString('base64');
    expect(() => box.open({ ...sealed, tag }, 'place')).toThrow(/was changed/);
  });
});
