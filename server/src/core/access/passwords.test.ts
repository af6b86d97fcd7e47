import { describe, expect, it } from 'vitest';
import { hashPassword, hashWithScrypt, verifyPassword } from './passwords.ts';

const password = 'correct horse battery staple';

describe('passwords', () => {
  it('are hashed by Argon2id, with a salt and the parameters in the text', async () => {
    const [one, other] = [await hashPassword(password), await hashPassword(password)];
    expect(one).toMatch(
      /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/,
    );
    expect(one).not.toBe(other);
    expect(one).not.toContain(password);
  });

  it('are right, or not', async () => {
    const stored = await hashPassword(password);
    expect(await verifyPassword(password, stored)).toEqual({ isRight: true, isCurrent: true });
    for (const wrong of ['', ' ', password.toUpperCase(), `${password} `, stored]) {
      expect(await verifyPassword(wrong, stored)).toMatchObject({ isRight: false });
    }
  });

  it('are right in every spelling of the same characters', async () => {
    const stored = await hashPassword('Zoë und Noël');
    expect(await verifyPassword('Zoë und Noël'.normalize('NFD'), stored)).toMatchObject({
      isRight: true,
    });
  });

  it('of a runtime without Argon2 are right, and are hashed anew', async () => {
    const stored = await hashWithScrypt(password);
    expect(stored).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$/);
    expect(await verifyPassword(password, stored)).toEqual({ isRight: true, isCurrent: false });
    expect(await verifyPassword('wrong', stored)).toMatchObject({ isRight: false });
  });

  it('with other parameters are right, and are hashed anew', async () => {
    const stored = await hashPassword(password, {
      algorithm: 'argon2id',
      cost: { v: 19, m: 64, t: 1, p: 1 },
    });
    expect(await verifyPassword(password, stored)).toEqual({ isRight: true, isCurrent: false });
  });

  it.each(['', 'plain', '$argon2id$', '$argon2id$v=19$m=64,t=1,p=1$$', '$md5$x$y'])(
    'are never right for a text that is no hash: %j',
    async (stored) => {
      expect(await verifyPassword('', stored)).toMatchObject({ isRight: false });
      expect(await verifyPassword(stored, stored)).toMatchObject({ isRight: false });
    },
  );
});
