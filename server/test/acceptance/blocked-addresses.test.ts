import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { exchange, fileForm, jsonOf, srcOf } from './requests.ts';
import { createToken } from './tokens.ts';

let app: Stowage;
beforeAll(async () => {
  app = await startStowage({ env: { STOWAGE_TRUST_PROXY: 'loopback' } });
});
afterAll(() => app?.stop());

const base = '/api/manage/cusConfig';
const from = (address: string) => ({ 'x-forwarded-for': address });
const post = (path: string, body: string) => app.fetch(`${base}/${path}`, { method: 'POST', body });
const textOf = async (answer: Promise<Response>) => {
  const response = await answer;
  return [response.status, await response.text()];
};
const uploadFrom = (address: string, query = '') =>
  app.fetch(`/upload${query}`, { method: 'POST', body: fileForm(), headers: from(address) });

describe('uploader addresses', () => {
  it('are listed with the numbers of their files, and so are the files', async () => {
    const srcs = [
      await srcOf(uploadFrom('192.0.2.1')),
      await srcOf(uploadFrom('192.0.2.2', '?uploadFolder=trip')),
      await srcOf(uploadFrom('192.0.2.2')),
    ];
    const listed = await jsonOf(app.fetch(`${base}/list?start=0&count=20`));
    expect(listed).toEqual([
      { ip: '192.0.2.2', address: '', count: 2 },
      { ip: '192.0.2.1', address: '', count: 1 },
    ]);
    expect(await jsonOf(app.fetch(`${base}/list?start=1&count=1`))).toEqual([
      { ip: '192.0.2.1', address: '', count: 1 },
    ]);
    const { data, total } = await jsonOf<{ data: { id: string; metadata: object }[]; total: 2 }>(
      app.fetch(`${base}/files?ip=192.0.2.2&count=50`),
    );
    expect([total, data.map(({ id }) => `/file/${id}`)]).toEqual([2, [srcs[2], srcs[1]]]);
    expect(data[1]?.metadata).toEqual({
      FileName: 'hello.txt',
      FileType: 'text/plain; charset=utf-8',
      FileSize: '0.00',
      FileSizeBytes: 5,
      UploadIP: '192.0.2.2',
      UploadAddress: '',
      ListType: 'None',
      TimeStamp: expect.any(Number),
      Label: 'None',
      Directory: 'trip/',
      Tags: [],
      Channel: 'Local',
      ChannelName: 'local',
    });
    expect(await textOf(app.fetch(`${base}/files`))).toEqual([
      400,
      '{"success":false,"error":"Missing ip parameter"}',
    ]);
  });
});

describe('a blocked address', () => {
  it('uploads nothing from the next request on, by no route, until it is let in', async () => {
    expect(await textOf(post('blockip', ' ::ffff:198.51.100.7\n'))).toEqual([
      200,
      'Add ip to block list successfully',
    ]);
    await post('blockip', '2001:db8::7');
    expect(await textOf(app.fetch(`${base}/blockipList`))).toEqual([
      200,
      '198.51.100.7,2001:db8::7',
    ]);
    const refusal = [403, 'Error: Your IP is blocked'];
    for (const query of [
      '',
      '?initChunked=true',
      '?chunked=true',
      '?chunked=true&merge=true',
      '?cleanup=true',
    ]) {
      expect(await textOf(uploadFrom('198.51.100.7', query))).toEqual(refusal);
    }
    const headers = from('198.51.100.7');
    for (const path of ['getUploadUrl', 'commitUpload', 'completeMultipart']) {
      const init = { method: 'POST', body: '{}', headers };
      const [status, text] = await textOf(app.fetch(`/upload/huggingface/${path}`, init));
      // Without its signature the last one is refused before that.
      expect([path, status]).toEqual([path, path === 'completeMultipart' ? 400 : 403]);
      expect(text).toBe(path === 'completeMultipart' ? text : refusal[1]);
    }
    expect((await uploadFrom('2001:db8::7')).status).toBe(403);
    expect((await uploadFrom('198.51.100.8')).status).toBe(200);
    // Reading and managing are not uploads.
    expect((await app.fetch('/api/channels', { headers })).status).toBe(200);

    expect(await textOf(post('whiteip', '198.51.100.7'))).toEqual([
      200,
      'delete ip from block ip list successfully',
    ]);
    expect((await uploadFrom('198.51.100.7')).status).toBe(200);
    expect(await textOf(app.fetch(`${base}/blockipList`))).toEqual([200, '2001:db8::7']);
    expect((await post('whiteip', '2001:DB8::7')).status).toBe(200);
    expect(await textOf(app.fetch(`${base}/blockipList`))).toEqual([200, '']);
  });

  it('is refused before its body is read, but not before its credentials', async () => {
    await post('blockip', '198.51.100.9');
    const head = (authorization: string) =>
      [
        'POST /upload HTTP/1.1',
        'Host: x',
        'X-Forwarded-For: 198.51.100.9',
        `Authorization: ${authorization}`,
        'Content-Type: multipart/form-data; boundary=b',
        'Content-Length: 1000000',
        '\r\n',
      ].join('\r\n');
    const answer = await exchange(app.url, head(`Bearer ${app.adminToken}`), 'blocked');
    expect(answer).toMatch(/^HTTP\/1.1 403 /);
    expect(await exchange(app.url, head('Bearer wrong'), 'Unauthorized')).toMatch(
      /^HTTP\/1.1 401 /,
    );
  });

  it.each(['', '  ', 'no address', '1.2.3', '192.0.2.1,192.0.2.2'])(
    'is an address, not %j',
    async (body) => {
      expect(await textOf(post('blockip', body))).toEqual([400, 'Error: Please input ip']);
    },
  );

  it('is named by a short text, to let it in too', async () => {
    expect(await textOf(post('whiteip', ''))).toEqual([400, 'Error: Please input ip']);
    expect((await post('blockip', 'x'.repeat(2000))).status).toBe(413);
  });
});

it.each([
  ['GET', 'list'],
  ['GET', 'files?ip=1'],
  ['GET', 'blockipList'],
  ['POST', 'blockip'],
  ['POST', 'whiteip'],
])('%s %s needs the permission to manage', async (method, path) => {
  const { headers } = await createToken(app, ['upload', 'list', 'delete']);
  expect((await app.fetch(`${base}/${path}`, { method, headers })).status).toBe(403);
  const nobody = { authorization: '' };
  expect(await textOf(app.fetch(`${base}/${path}`, { method, headers: nobody }))).toEqual([
    401,
    'You need to login',
  ]);
});
