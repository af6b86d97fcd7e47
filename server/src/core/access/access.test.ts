import { describe, expect, it } from 'vitest';
import { minuteMs } from '../clock.ts';
import { fail } from '../errors.ts';
import type { Permission, TokenRecord, TokenStore } from '../metadata.ts';
import { createAccess, environmentTokenId, tokenRecord } from './access.ts';
import type { AuthThrottle } from './auth-throttle.ts';

interface SceneOptions {
  readonly authCode?: string;
  readonly allowAnonymousUploads?: boolean;
}

function scene({ authCode, allowAnonymousUploads = false }: SceneOptions = {}) {
  const clock = { at: 1_000_000_000 };
  const records = new Map<string, TokenRecord>();
  const touched: number[] = [];
  const guesses: string[] = [];
  const passed: string[] = [];
  const brakeState = { usedUp: false };
  const database = { down: false };
  const tokens = {
    add: async (record: TokenRecord) => void records.set(record.id, record),
    get: async (id: string) => records.get(id),
    findByHash: async (hash: string) => {
      if (database.down) {
        throw fail('service_unavailable');
      }
      return [...records.values()].find((record) => record.hash === hash);
    },
    touch: async (_: string, at: number) => void touched.push(at),
  } as unknown as TokenStore;
  const brake: AuthThrottle = {
    passed: async ({ kind }) => void passed.push(kind),
    failed: async ({ kind }, secrets) => {
      guesses.push(...secrets.map((secret) => `${kind} ${secret}`));
      if (brakeState.usedUp) {
        throw fail('rate_limit_exceeded');
      }
    },
  };
  const access = createAccess({
    tokens,
    brake,
    allowAnonymousUploads,
    now: () => clock.at,
    ...(authCode !== undefined && { authCode }),
  });
  const addToken = (
    text: string,
    permissions: readonly Permission[],
    expiresAt: number | null = null,
  ) =>
    records.set(
      text,
      tokenRecord(text, { id: text, name: text, permissions, expiresAt }, clock.at),
    );
  const ask = (
    permission: Permission | 'any',
    credentials: { token?: string; authCodes?: readonly string[] } = {},
  ) => access.authenticate({ address: 'here', ...credentials }, permission);
  return { access, addToken, ask, clock, records, touched, guesses, passed, brakeState, database };
}

describe('tokens', () => {
  it('give their permissions and nothing else', async () => {
    const { addToken, ask } = scene();
    addToken('t', ['upload', 'list']);
    expect(await ask('list', { token: 't' })).toMatchObject({
      owner: 't',
      permissions: new Set(['upload', 'list']),
    });
    expect(await ask('any', { token: 't' })).toMatchObject({ owner: 't' });
    for (const permission of ['delete', 'manage'] as const) {
      await expect(ask(permission, { token: 't' })).rejects.toMatchObject({
        code: 'insufficient_scope',
      });
    }
  });

  it('end at the millisecond of their expiry, and with their removal', async () => {
    const { addToken, ask, clock, records } = scene();
    addToken('t', ['upload'], clock.at + 1000);
    clock.at += 999;
    await ask('upload', { token: 't' });
    clock.at += 1;
    await expect(ask('upload', { token: 't' })).rejects.toMatchObject({ code: 'unauthorized' });
    addToken('u', ['upload']);
    records.delete('u');
    await expect(ask('upload', { token: 'u' })).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('note their last use once a minute', async () => {
    const { addToken, ask, clock, touched } = scene();
    addToken('t', ['upload']);
    for (let n = 0; n < 5; n++) {
      await ask('upload', { token: 't' });
    }
    clock.at += minuteMs;
    await ask('upload', { token: 't' });
    expect(touched).toEqual([clock.at - minuteMs, clock.at]);
  });

  it('let nobody in while the database is down, whatever else is allowed (T5)', async () => {
    const { ask, database } = scene({ authCode: 'code', allowAnonymousUploads: true });
    database.down = true;
    await expect(ask('upload', { token: 't', authCodes: ['code'] })).rejects.toMatchObject({
      code: 'service_unavailable',
    });
  });

  it('are made with 128 random bits, and kept as a hash', async () => {
    const { access, records } = scene();
    const made = await access.createToken({ name: 'n', permissions: ['list'], prefix: 'p_' });
    expect(made.token).toMatch(/^p_[0-9a-f]{32}$/);
    expect(JSON.stringify([...records.values()])).not.toContain(made.token);
    expect(made.record).toMatchObject({
      prefix: made.token.slice(0, 15),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });
});

describe('the upload code', () => {
  it('lets upload where it is asked for, and nothing else', async () => {
    const { ask } = scene({ authCode: 'code' });
    expect(await ask('upload', { authCodes: ['wrong', 'code'] })).toMatchObject({
      owner: 'authCode',
      permissions: new Set(['upload']),
    });
    await expect(ask('upload', {})).rejects.toMatchObject({ code: 'unauthorized' });
    await expect(ask('upload', { authCodes: ['cod', 'codes', ''] })).rejects.toMatchObject({
      code: 'unauthorized',
    });
    for (const permission of ['list', 'delete', 'manage'] as const) {
      await expect(ask(permission, { authCodes: ['code'] })).rejects.toMatchObject({
        code: 'unauthorized',
      });
    }
  });

  it('helps a token that is wrong or too weak, and is not needed by one that is right', async () => {
    const { addToken, ask } = scene({ authCode: 'code' });
    addToken('list', ['list']);
    addToken('up', ['upload']);
    expect(await ask('upload', { token: 'wrong', authCodes: ['code'] })).toMatchObject({
      owner: 'authCode',
    });
    expect(await ask('upload', { token: 'list', authCodes: ['code'] })).toMatchObject({
      owner: 'authCode',
    });
    expect(await ask('upload', { token: 'up', authCodes: ['wrong'] })).toMatchObject({
      owner: 'up',
    });
  });
});

describe('without anything configured', () => {
  it('nobody may do anything', async () => {
    const { ask } = scene();
    for (const permission of ['upload', 'list', 'delete', 'manage', 'any'] as const) {
      for (const authCodes of [[], [''], ['undefined']]) {
        await expect(ask(permission, { authCodes })).rejects.toMatchObject({
          code: 'unauthorized',
        });
      }
    }
  });

  it('everybody may upload where the owner allows it, but only where codes count', async () => {
    const { ask } = scene({ allowAnonymousUploads: true });
    expect(await ask('upload', { authCodes: [] })).toMatchObject({ owner: 'anonymous' });
    await expect(ask('upload', {})).rejects.toMatchObject({ code: 'unauthorized' });
    await expect(ask('manage', { authCodes: [] })).rejects.toMatchObject({ code: 'unauthorized' });
  });
});

describe('wrong guesses', () => {
  it('are counted, every one of a request, also from holders of other tokens', async () => {
    const { addToken, ask, guesses } = scene({ authCode: 'code' });
    addToken('list', ['list']);
    const counted = async (work: Promise<unknown>) => {
      guesses.length = 0;
      await work.catch(() => undefined);
      return guesses;
    };
    expect(await counted(ask('upload', {}))).toEqual([]);
    expect(await counted(ask('upload', { token: 'wrong' }))).toEqual(['token wrong']);
    expect(await counted(ask('manage', { token: 'wrong' }))).toEqual(['token wrong']);
    expect(
      await counted(ask('upload', { token: 'wrong', authCodes: ['a', '', 'b', 'c'] })),
    ).toEqual(['token wrong', 'code a', 'code b', 'code c']);
    expect(await counted(ask('upload', { token: 'list', authCodes: ['a'] }))).toEqual(['code a']);
    expect(await counted(ask('upload', { token: 'list' }))).toEqual([]);
  });

  it('are counted but never refused where something else lets the caller in', async () => {
    const { ask, guesses, brakeState } = scene({ authCode: 'code', allowAnonymousUploads: true });
    brakeState.usedUp = true;
    expect(await ask('upload', { token: 'wrong', authCodes: ['stale', 'code'] })).toMatchObject({
      owner: 'authCode',
    });
    expect(await ask('upload', { token: 'other', authCodes: ['stale'] })).toMatchObject({
      owner: 'anonymous',
    });
    expect(guesses).toEqual(['token wrong', 'token other', 'code stale']);
    await expect(ask('manage', { token: 'wrong' })).rejects.toMatchObject({
      code: 'rate_limit_exceeded',
    });
  });

  it('make chosen secrets wait alike, generated tokens never', async () => {
    const { addToken, ask, passed } = scene({ authCode: 'code' });
    addToken('generated', ['upload']);
    addToken(environmentTokenId, ['upload']);
    await ask('upload', { token: 'generated', authCodes: ['code'] });
    expect(passed).toEqual([]);
    await ask('upload', { token: environmentTokenId });
    await ask('upload', { authCodes: ['code'] });
    expect(passed).toEqual(['token', 'code']);
  });
});

describe('owners of open uploads', () => {
  it('may upload as long as their credentials let them', async () => {
    const { access, addToken, clock } = scene({ authCode: 'code' });
    addToken('t', ['upload'], clock.at + 10);
    expect(await access.mayUpload('t')).toBe(true);
    expect(await access.mayUpload('gone')).toBe(false);
    expect(await access.mayUpload('authCode')).toBe(true);
    expect(await access.mayUpload('anonymous')).toBe(false);
    clock.at += 10;
    expect(await access.mayUpload('t')).toBe(false);
    addToken('narrowed', ['list', 'delete', 'manage']);
    expect(await access.mayUpload('narrowed')).toBe(false);
  });
});
