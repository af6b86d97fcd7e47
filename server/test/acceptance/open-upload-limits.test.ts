import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formOf, initUpload, mergeUpload, putChunk } from './chunked-client.ts';
import { type Stowage, startStowage } from './harness.ts';
import { storedObjects } from './requests.ts';
import { createToken } from './tokens.ts';

const code = 'a code of some length';
let stowage: Stowage;

beforeAll(async () => {
  stowage = await startStowage({
    env: {
      STOWAGE_MEDIA_MAX_OPEN_UPLOADS: '10',
      STOWAGE_LIMITS_MAX_UPLOAD_BYTES: '1000',
      STOWAGE_TRUST_PROXY: 'loopback',
      STOWAGE_AUTH_CODE: code,
    },
  });
});
afterAll(() => stowage?.stop());

const begin = (headers: Record<string, string>, fields: Record<string, string> = {}) =>
  stowage.fetch('/upload?initChunked=true', {
    method: 'POST',
    headers,
    body: formOf({ originalFileName: 'a', originalFileType: '', totalChunks: '1', ...fields }),
  });
const beginMedia = (headers: Record<string, string>) =>
  stowage.fetch('/media/upload', {
    method: 'POST',
    headers,
    body: JSON.stringify({ filename: 'a.png', content_type: 'image/png', size: 9 }),
  });
const count = (answers: readonly Response[], ...wanted: readonly number[]) =>
  answers.filter(({ status }) => wanted.includes(status)).length;

describe('open uploads (T29)', () => {
  it('of one token have one limit over all kinds, also when they begin at once', async () => {
    const { headers } = await createToken(stowage, ['upload']);
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? begin(headers) : beginMedia(headers))),
    );
    expect([count(answers, 200, 201), count(answers, 429)]).toEqual([10, 50]);
    const refused = answers.find(({ status }) => status === 429);
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
    const other = await createToken(stowage, ['upload']);
    expect((await begin(other.headers)).status).toBe(200);
  });

  it('end with their cleanup and with their merge', async () => {
    const { headers } = await createToken(stowage, ['upload']);
    const uploads = await Promise.all(
      Array.from({ length: 10 }, () => initUpload(stowage, 1, { headers })),
    );
    expect((await begin(headers)).status).toBe(429);
    const [first, second] = uploads;
    if (first === undefined || second === undefined) {
      throw new Error('unreachable');
    }
    await stowage.fetch(`/upload?cleanup=true&uploadId=${first.uploadId}`, { headers });
    expect((await begin(headers)).status).toBe(200);
    await putChunk(stowage, second, 0, Buffer.from('x'));
    expect((await mergeUpload(stowage, second)).status).toBe(200);
    expect([(await begin(headers)).status, (await begin(headers)).status]).toEqual([200, 429]);
  });

  it('with the upload code have a limit for each network, so that one stranger stops no household', async () => {
    const from = (address: string) => ({
      authorization: '',
      authCode: code,
      'x-forwarded-for': address,
    });
    const stranger = await Promise.all(
      Array.from({ length: 30 }, (_, n) => begin(from(`2001:db8:1:${n.toString(16)}::1`))),
    );
    expect([count(stranger, 200), count(stranger, 429)]).toEqual([10, 20]);
    const household = await Promise.all(
      Array.from({ length: 10 }, () => begin(from('198.51.100.7'))),
    );
    expect(count(household, 200)).toBe(10);
  });
});

describe('what is written down with an upload (T29)', () => {
  const long = (bytes: number) => 'é'.repeat(bytes / 2);
  it.each<[string, Record<string, string>, number]>([
    ['a name of 1 KiB', { originalFileName: long(1024) }, 200],
    ['a longer name', { originalFileName: long(1026) }, 400],
    ['a name of 64 KB', { originalFileName: long(65_000) }, 400],
    ['a type of 255 bytes', { originalFileType: 'x'.repeat(255) }, 200],
    ['a longer type', { originalFileType: 'x'.repeat(256) }, 400],
    ['a folder of 60 KB, which is cut', { uploadFolder: 'a/'.repeat(30_000) }, 200],
    ['10^6 chunks', { totalChunks: '1000000' }, 400],
  ])('has a bound: %s', async (_, fields, status) => {
    const { headers } = await createToken(stowage, ['upload']);
    const answer = await begin(headers, fields);
    expect([answer.status, await answer.text()]).toEqual([
      status,
      status === 200 ? expect.any(String) : expect.stringMatching(/^Error: /),
    ]);
  });

  it.each(['originalFileName', 'originalFileType', 'uploadId'])(
    '%s of a chunk and of a merge has one, too',
    async (name) => {
      const upload = await initUpload(stowage, 1, {
        headers: (await createToken(stowage, ['upload'])).headers,
      });
      const fields = { [name]: 'x'.repeat(10_000) };
      const chunk = await putChunk(stowage, upload, 0, Buffer.from('x'), { fields });
      expect(chunk.status).toBe(400);
      if (name !== 'originalFileType') {
        expect((await mergeUpload(stowage, upload, { fields })).status).toBe(400);
      }
    },
  );

  it('and all chunks together have as many bytes as a file', async () => {
    const upload = await initUpload(stowage, 3, {
      headers: (await createToken(stowage, ['upload'])).headers,
    });
    const before = (await storedObjects(stowage)).length;
    const put = async (index: number, bytes: number) =>
      (await putChunk(stowage, upload, index, Buffer.alloc(bytes))).status;
    expect([
      await put(0, 600),
      await put(1, 500),
      await put(1, 300),
      await put(2, 101),
      await put(2, 100),
    ]).toEqual([200, 413, 200, 413, 200]);
    expect((await storedObjects(stowage)).length).toBe(before + 3);
    expect((await mergeUpload(stowage, upload)).status).toBe(200);
  });
});
