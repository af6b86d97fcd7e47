import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { fixture } from './media-client.ts';
import { bytes, endless, openSite, type RemoteSite, stalling, status } from './remote-site.ts';
import { createToken } from './tokens.ts';

const config = { fetch: { allowedPrivateHosts: ['127.0.0.1'], maxVideoBytes: 1_000_000 } };
const env = { STOWAGE_AUTH_CODE: 'a code to upload' };

let app: Stowage;
let site: RemoteSite;
beforeAll(async () => {
  site = await openSite();
  app = await startStowage({ config, env });
});
afterAll(async () => {
  await app?.stop();
  await site?.close();
});

const fetchRes = (body: unknown, headers: Record<string, string> = {}) =>
  app.fetch('/api/fetchRes', { method: 'POST', body: JSON.stringify(body), headers });
const refusal = async (answer: Promise<Response>) => {
  const response = await answer;
  return { status: response.status, body: await response.text() };
};

describe('POST /api/fetchRes', () => {
  it('passes bytes, type and name on, as a download that runs nothing', async () => {
    const photo = fixture('photo.jpg');
    site.on(
      '/photo',
      bytes(photo, {
        'content-type': 'image/jpeg',
        'content-disposition': 'inline; filename="a.jpg"',
      }),
    );
    const response = await fetchRes({ url: `${site.url}/photo` });
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/jpeg',
      'content-length': String(photo.length),
      'content-disposition': 'attachment; filename="a.jpg"',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining('sandbox'),
      'cache-control': 'private, no-store',
    });
    expect(Buffer.from(await response.arrayBuffer()).equals(photo)).toBe(true);
  });

  it('takes a token that may upload, or the upload code', async () => {
    site.on('/text', bytes(Buffer.from('hello')));
    const url = `${site.url}/text`;
    const uploader = await createToken(app, ['upload']);
    const reader = await createToken(app, ['list']);
    expect((await fetchRes({ url }, uploader.headers)).status).toBe(200);
    const byCode = await fetchRes({ url }, { authorization: '', authCode: 'a code to upload' });
    expect(await byCode.text()).toBe('hello');
    expect(byCode.headers.get('content-disposition')).toBe('attachment');
    const asked = site.requests.length;
    for (const headers of [{ authorization: '' }, reader.headers]) {
      expect(await refusal(fetchRes({ url }, headers))).toEqual({
        status: 401,
        body: 'Unauthorized',
      });
    }
    expect(site.requests.length).toBe(asked);
  });

  it.each([
    [{}, 400],
    [{ url: 7 }, 400],
    [{ url: 'file:///etc/passwd' }, 400],
    [{ url: 'http://user:secret@127.0.0.1/' }, 400],
    [{ url: 'http://localhost:1/' }, 400],
    [{ url: 'http://169.254.169.254/latest/meta-data' }, 400],
    [{ url: 'http://[::1]/' }, 400],
    [[], 400],
  ])('refuses %j', async (body, code) => {
    expect(await refusal(fetchRes(body))).toEqual({
      status: code,
      body: expect.stringMatching(/^\{"error":"[^"]+"\}$/),
    });
  });

  it('says nothing of what a remote answers but its status', async () => {
    site.on('/secret', status(404));
    const { status: code, body } = await refusal(fetchRes({ url: `${site.url}/secret` }));
    expect([code, body]).toEqual([422, '{"error":"The url answers with status 404."}']);
    site.on('/inside', status(302, { location: 'http://169.254.169.254/' }));
    expect(await refusal(fetchRes({ url: `${site.url}/inside` }))).toEqual({
      status: 400,
      body: expect.not.stringContaining('169.254'),
    });
  });

  it('stops at the limit, whatever was announced', async () => {
    site.on('/announced', bytes(Buffer.alloc(1_000_001)));
    expect((await fetchRes({ url: `${site.url}/announced` })).status).toBe(413);
    site.on('/endless', (response, request) => {
      response.writeHead(200);
      endless(Buffer.from('x'))(response, request);
    });
    const cut = await fetchRes({ url: `${site.url}/endless` });
    await expect(cut.arrayBuffer()).rejects.toThrow();
  });

  it('lets go of the remote when the caller is gone', async () => {
    const closed = Promise.withResolvers<void>();
    site.on('/slow', (response, request) => {
      response.once('close', () => closed.resolve());
      stalling(Buffer.alloc(1000))(response, request);
    });
    const caller = new AbortController();
    const response = await app.fetch('/api/fetchRes', {
      method: 'POST',
      body: JSON.stringify({ url: `${site.url}/slow` }),
      signal: caller.signal,
    });
    expect(response.status).toBe(200);
    caller.abort();
    await closed.promise;
  });
});

it('the background has no pictures of others', async () => {
  const response = await app.fetch('/api/bing/wallpaper', { headers: { authorization: '' } });
  expect([response.status, await response.json()]).toEqual([200, { data: [] }]);
});

describe('tags by a model', () => {
  it('are off', async () => {
    const response = await app.fetch('/api/manage/ai/tags');
    expect(await response.json()).toEqual({ enabled: false, maxBatchSize: 1 });
  });

  it.each(['/api/manage/ai/tags', '/api/manage/tags/apply', '/api/manage/ai/test'])(
    'POST %s is refused, in its own envelope',
    async (path) => {
      const response = await app.fetch(path, { method: 'POST', body: '{"items":[]}' });
      expect(response.status).toBe(501);
      expect(await response.json()).toEqual({
        error: { code: 'not_implemented', message: expect.stringContaining('not'), details: {} },
      });
      const { headers } = await createToken(app, ['upload', 'list', 'delete']);
      expect((await app.fetch(path, { method: 'POST', body: '{}', headers })).status).toBe(403);
    },
  );
});
