import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { curl, type Stowage, startStowage } from './harness.ts';
import { exchange, srcOf, upload } from './requests.ts';

let app: Stowage;
beforeAll(async () => {
  app = await startStowage();
});
afterAll(() => app.stop());

/** Status, type and body, through curl: fetch would mend the address. */
async function get(path: string): Promise<{ status: number; type: string; body: string }> {
  const text = (
    await curl('--path-as-is', '-w', '\n%{http_code} %{content_type}', app.url + path)
  ).toString();
  const at = text.lastIndexOf('\n');
  const [status = '', type = ''] = text.slice(at + 1).split(' ');
  return { status: Number(status), type, body: text.slice(0, at) };
}

describe('addresses that cannot be decoded, and unknown ones', () => {
  it.each(['/file/%E0%A4%A', '/file/%', '/file/a%00b', '/file/%ff'])(
    '%s is refused as the Upload API says it',
    async (path) => {
      const { status, type, body } = await get(path);
      expect([status, type.split(';')[0], body]).toEqual([
        400,
        'text/plain',
        'Error: Decode Image ID Failed',
      ]);
    },
  );

  it('an unknown file is text, anything of the management JSON, the rest in the envelope of the Media API', async () => {
    expect(await get('/file/nothing.jpg')).toMatchObject({
      status: 404,
      body: 'Error: Image Not Found',
    });
    expect(JSON.parse((await get('/api/v1/%E0%A4%A')).body)).toMatchObject({
      data: null,
      error: { code: 'bad_request' },
    });
    expect(JSON.parse((await get('/nothing')).body)).toMatchObject({
      data: null,
      error: { code: 'not_found' },
    });
    expect(JSON.parse((await get('/api/nothing')).body)).toMatchObject({
      error: expect.any(String),
    });
    expect(await get('/upload/nothing')).toMatchObject({
      status: 404,
      body: expect.stringMatching(/^Error: /),
    });
  });
});

describe('what is not HTTP is refused as its address expects', () => {
  it.each([
    ['/upload', /^Error: The request is not valid HTTP\.$/],
    ['/file/a.png', /^Error: The request is not valid HTTP\.$/],
    ['/api/manage/delete/a', /^\{"success":false,"error":"The request is not valid HTTP\."\}$/],
    ['/media', /^\{"data":null,"error":\{"message":"The request is not valid HTTP\."/],
  ])('%s', async (target, body) => {
    const answer = await exchange(
      app.url,
      `POST ${target} HTTP/1.1\r\nHost: a\r\nbroken header: x\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toMatch(body);
  });

  it('in a broken body, too', async () => {
    const head = `POST /upload HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${app.adminToken}\r\nTransfer-Encoding: chunked\r\n`;
    const answer = await exchange(
      app.url,
      `${head}Content-Type: multipart/form-data; boundary=frontier\r\n\r\nZZ\r\n`,
    );
    expect(answer).toMatch(/\r\n\r\nError: /);
  });
});

describe('addresses in raw UTF-8', () => {
  it('are redirected to the encoded one, and served there', async () => {
    const src = await srcOf(
      upload(app, '?uploadNameType=origin&uploadFolder=日', { name: '図.png' }),
    );
    expect(src).toBe('/file/%E6%97%A5/%E5%9B%B3.png');
    const answer = await exchange(app.url, 'GET /file/日/図.png HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(answer).toMatch(
      /^HTTP\/1\.1 308 Permanent Redirect\r\nLocation: \/file\/%E6%97%A5\/%E5%9B%B3\.png\r\n/,
    );
    // As it stands in the address of whoever typed it.
    expect((await app.fetch('/file/日/図.png')).status).toBe(200);
  });

  it('delete as well', async () => {
    await srcOf(upload(app, '?uploadNameType=origin', { name: '消.png' }));
    const target = /Location: (\S+)/.exec(
      await exchange(app.url, 'DELETE /api/manage/delete/消.png HTTP/1.1\r\nHost: a\r\n\r\n'),
    )?.[1];
    const deleted = await app.fetch(target ?? '', { method: 'DELETE' });
    expect([deleted.status, await deleted.json()]).toEqual([
      200,
      { success: true, fileId: '消.png' },
    ]);
  });
});

it('a deletion of what cannot be decoded fails in the words of deletions', async () => {
  for (const path of ['%zz', '%', '%E0%A4%A', '%00']) {
    const { status, body } = await get(`/api/manage/delete/${path}`);
    if (path === '%00') {
      expect(status).toBe(401);
    } else {
      expect([status, body]).toEqual([400, '{"success":false,"error":"Delete file failed"}']);
    }
  }
});

it('leads from the bare address to the description of the API', async () => {
  const page = await curl(
    '-L',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code} %{url_effective}',
    `${app.url}/`,
  );
  expect(page.toString()).toBe(`200 ${app.url}/docs`);
});

it('a form where JSON belongs is told so', async () => {
  const answer = await app.fetch('/api/v1/media/upload', { method: 'POST', body: new FormData() });
  expect(await answer.json()).toMatchObject({
    error: { code: 'invalid_json', message: expect.stringContaining('a form') },
  });
});
