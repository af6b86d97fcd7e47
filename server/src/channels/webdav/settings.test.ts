import { describe, expect, it } from 'vitest';
import { createWebdavChannel } from './index.ts';
import { requestHeaders, secretsOf, webdavSettings } from './settings.ts';

const baseUrl = 'https://dav.example.com/files/';

describe('webdav settings', () => {
  it('takes headers as an object and as JSON text, whose Authorization goes before user and password', () => {
    const object = webdavSettings.parse({
      baseUrl,
      username: 'u',
      password: 'pass',
      headers: { Authorization: 'Bearer abcdef', 'X-Team': 'one' },
    });
    const text = webdavSettings.parse({ ...object, headers: JSON.stringify(object.headers) });
    const expected = { authorization: 'Bearer abcdef', 'x-team': 'one' };
    expect(requestHeaders(object)).toEqual(expected);
    expect(requestHeaders(text)).toEqual(expected);
    expect(secretsOf(text)).toEqual(
      expect.arrayContaining(['abcdef', 'Bearer abcdef', 'pass', 'one']),
    );
  });

  it('makes Basic credentials, in UTF-8', () => {
    const settings = webdavSettings.parse({ baseUrl, username: 'jürgen', password: 'pä:ss' });
    expect(requestHeaders(settings)).toEqual({
      authorization: `Basic ${Buffer.from('jürgen:pä:ss').toString('base64')}`,
    });
    expect(requestHeaders(webdavSettings.parse({ baseUrl }))).toEqual({});
  });

  it.each([
    { baseUrl: 'ftp://example.com/' },
    { baseUrl: 'https://user:pass@example.com/' },
    { baseUrl: 'https://example.com/?a=b' },
    { baseUrl, headers: '[1]' },
    { baseUrl, headers: 'X-Team: one' },
    { baseUrl, segments: 10 },
    { baseUrl, password: '' },
    { baseUrl, other: true },
  ])('refuses %o', (settings) => {
    expect(webdavSettings.safeParse(settings).success).toBe(false);
  });

  it('segments only when asked', () => {
    const limits = (segments?: boolean | number) =>
      createWebdavChannel(webdavSettings.parse({ baseUrl, segments })).limits;
    expect(limits()).toEqual({});
    expect(limits(true)).toEqual({ segment: { min: 1, best: 33_554_432, max: 33_554_432 } });
    expect(limits(5_000_000)).toEqual({ segment: { min: 1, best: 5_000_000, max: 5_000_000 } });
  });

  it('gives public addresses only when there is a public folder', () => {
    const withPublic = createWebdavChannel(
      webdavSettings.parse({ baseUrl, publicUrl: 'https://cdn.example.com/m' }),
    );
    expect(withPublic.url?.({ path: '2026/11/a.png' })).toBe(
      'https://cdn.example.com/m/2026/11/a.png',
    );
    expect(
      createWebdavChannel(webdavSettings.parse({ baseUrl })).url?.({ path: 'a.png' }),
    ).toBeUndefined();
  });
});
