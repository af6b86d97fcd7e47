import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Json } from '../bytes.ts';
import { fail } from '../errors.ts';
import { RuntimeSettings } from './runtime-settings.ts';
import { createSecretBox } from './secret-box.ts';

function storeOf() {
  const rows = new Map<string, Json>();
  let isAway = false;
  return {
    rows,
    away: (now: boolean) => {
      isAway = now;
    },
    async get(name: string) {
      if (isAway) {
        throw fail('service_unavailable');
      }
      return rows.get(name);
    },
    async set(name: string, value: Json) {
      rows.set(name, value);
    },
  };
}

describe('settings at run time', () => {
  const box = createSecretBox(randomBytes(32));

  it('have defaults, in which everything is closed', async () => {
    const settings = new RuntimeSettings({ store: storeOf(), box });
    expect(await settings.get('others')).toEqual({
      randomImageAPI: { enabled: false, allowedDir: '' },
      publicBrowse: { enabled: false, allowedDir: '' },
    });
    await settings.refresh();
    expect([settings.authCode(), settings.balances('s3')]).toEqual([undefined, false]);
  });

  it('keep the upload code sealed', async () => {
    const store = storeOf();
    const settings = new RuntimeSettings({ store, box });
    await settings.setAuthCode('correct horse');
    expect(settings.authCode()).toBe('correct horse');
    expect(JSON.stringify([...store.rows])).not.toContain('horse');
    await settings.setAuthCode(undefined);
    expect(settings.authCode()).toBeUndefined();
  });

  it('give way to the configuration', async () => {
    const settings = new RuntimeSettings({ store: storeOf(), box, authCode: 'configured' });
    await settings.setAuthCode('stored');
    expect([settings.authCode(), settings.isAuthCodeFixed]).toEqual(['configured', true]);
  });

  it('fail closed', async () => {
    const store = storeOf();
    const settings = new RuntimeSettings({ store, box });
    const unavailable = expect.objectContaining({ code: 'service_unavailable' });
    expect(() => settings.authCode()).toThrow(unavailable);
    store.rows.set('runtime.security', { authCode: 'in clear' });
    await settings.refresh();
    expect(() => settings.authCode()).toThrow(unavailable);
    await expect(settings.get('security')).rejects.toThrow(unavailable);
    store.rows.clear();
    store.away(true);
    await settings.refresh();
    expect(() => settings.authCode()).toThrow(unavailable);
    store.away(false);
    await settings.refresh();
    expect(settings.authCode()).toBeUndefined();
  });

  it('refuse what is not one of them', async () => {
    const settings = new RuntimeSettings({ store: storeOf(), box });
    await expect(
      settings.set('page', { values: { __x: 'y' }, announcementRefreshAt: null }),
    ).rejects.toMatchObject({ code: 'validation_error' });
  });
});
