import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { curl, type Stowage, startStowage } from './harness.ts';

let app: Stowage;
beforeAll(async () => {
  app = await startStowage();
});
afterAll(() => app.stop());

/** Status, type and body, through curl: fetch would mend the address. */
async function get(path: string): Promise<{ status: number; type: string; body: string }> {
  const text = (await curl('--path-as-is', '-w', '\n%{http_code} %{content_type}', app.url + path)).toString();
  const at = text.lastIndexOf('\n');
  const [status = '', type = ''] = text.slice(at + 1).split(' ');
  return { status: Number(status), type, body: text.slice(0, at) };
}

describe('addresses that cannot be decoded, and unknown ones', () => {
  it.each(['/file/%E0%A4%A', '/file/%', '/file/a%00b', '/file/%ff'])('%s is refused as the Upload API says it', async (path) => {
    const { status, type, body } = await get(path);
    expect([status, type.split(';')[0], body]).toEqual([400, 'text/plain', 'Error: Decode Image ID Failed']);
  });

  it('an unknown file is text, anything of the management JSON, the rest in the envelope of the Media API', async () => {
    expect(await get('/file/nothing.jpg')).toMatchObject({ status: 404, body: 'Error: Image Not Found' });
    expect(JSON.parse((await get('/api/v1/%E0%A4%A')).body)).toMatchObject({ data: null, error: { code: 'bad_request' } });
    expect(JSON.parse((await get('/nothing')).body)).toMatchObject({ data: null, error: { code: 'not_found' } });
    expect(JSON.parse((await get('/api/nothing')).body)).toMatchObject({ error: expect.any(String) });
    expect(await get('/upload/nothing')).toMatchObject({ status: 404, body: expect.stringMatching(/^Error: /) });
  });
});

it('leads from the bare address to the description of the API', async () => {
  const page = await curl('-L', '-o', '/dev/null', '-w', '%{http_code} %{url_effective}', `${app.url}/`);
  expect(page.toString()).toBe(`200 ${app.url}/docs`);
});

it('a form where JSON belongs is told so', async () => {
  const answer = await app.fetch('/api/v1/media/upload', { method: 'POST', body: new FormData() });
  expect(await answer.json()).toMatchObject({ error: { code: 'invalid_json', message: expect.stringContaining('a form') } });
});
