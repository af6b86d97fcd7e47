import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initUpload, mergeUpload, putChunk } from './chunked-client.ts';
import { curl, type Stowage, startStowage } from './harness.ts';
import {
  eventually,
  fieldPart,
  filePart,
  jsonOf,
  multipartBody,
  type PartToSend,
  postMultipart,
  srcOf,
  storedObjects,
  upload,
} from './requests.ts';

const code = 'the-upload-code-of-the-house';
let stowage: Stowage;
beforeAll(async () => {
  stowage = await startStowage({
    env: { STOWAGE_LIMITS_MAX_UPLOAD_BYTES: '100000', STOWAGE_AUTH_CODE: code },
  });
});
afterAll(() => stowage?.stop());

const post = (parts: readonly PartToSend[], query = '') =>
  postMultipart(stowage, `/upload${query}`, multipartBody(parts));
const said = async (response: Response) => [response.status, await response.text()];
const read = async (src: string) => (await stowage.fetch(src)).text();
const sourcesOf = async (response: Response) =>
  (await jsonOf<{ src: string }[]>(response)).map(({ src }) => src);

describe('several files in a form', () => {
  it('are all stored, and answered in their order', async () => {
    const names = Array.from({ length: 12 }, (_, n) => `name ${n}.txt`);
    const parts = names.flatMap((name, n) => [
      filePart(`body ${n}`, name),
      fieldPart(`note${n}`, 'x'),
    ]);
    const sources = await sourcesOf(await post(parts));
    expect(sources.map((src) => src.replace(/^\/file\/\d{13}_/, ''))).toEqual(
      names.map((name) => name.replace(' ', '_')),
    );
    expect(await Promise.all(sources.map(read))).toEqual(names.map((_, n) => `body ${n}`));
    expect(sources.toSorted()).toEqual(sources);
  });

  it('take the fields that follow them', async () => {
    const parts = [filePart('a', 'a.txt'), filePart('b', 'b.txt')];
    const late = [
      fieldPart('uploadFolder', 'late'),
      fieldPart('uploadNameType', 'origin'),
      fieldPart('returnFormat', 'full'),
    ];
    expect(await sourcesOf(await post([...parts, ...late]))).toEqual(
      ['a', 'b'].map((name) => `${stowage.url}/file/late/${name}.txt`),
    );
  });

  it('of one name get a number each', async () => {
    const parts = [1, 2, 3].map((n) => filePart(String(n), 'same.txt'));
    const sources = await sourcesOf(await post(parts, '?uploadNameType=origin&uploadFolder=same'));
    expect(sources).toEqual(['', '(1)', '(2)'].map((end) => `/file/same/same${end}.txt`));
  });

  it('are none when one of them fails', async () => {
    const before = await storedObjects(stowage);
    const tooLarge = await post([
      filePart('small'),
      filePart(Buffer.alloc(100_001)),
      filePart('small'),
    ]);
    expect(await said(tooLarge)).toEqual([413, 'Error: The file is larger than allowed.']);
    const whole = multipartBody([filePart('small'), filePart('cut off')]);
    const cut = await postMultipart(stowage, '/upload', whole.subarray(0, -20));
    expect(cut.status).toBe(400);
    await eventually(async () => expect(await storedObjects(stowage)).toEqual(before));
  });

  it('are none when a later one is for a channel that there is not', async () => {
    const before = await storedObjects(stowage);
    const elsewhere = [fieldPart('uploadChannel', 'telegram'), fieldPart('autoRetry', 'false')];
    const refused = await post([filePart('small'), ...elsewhere, filePart('small')]);
    expect(await said(refused)).toEqual([400, 'Error: No Telegram channel provided']);
    await eventually(async () => expect(await storedObjects(stowage)).toEqual(before));
  });

  it('leave out inputs that were left empty', async () => {
    const empty = {
      headers: [
        'Content-Disposition: form-data; name="file"; filename=""',
        'Content-Type: application/octet-stream',
      ],
      body: '',
    };
    expect(await sourcesOf(await post([empty, filePart('one'), empty]))).toHaveLength(1);
    expect(await said(await post([empty, empty]))).toEqual([
      400,
      'Error: fileType or fileName is wrong, check the integrity of this file!',
    ]);
  });
});

describe('a form without a file is told what is missing', () => {
  const image = (name: string) => ({
    headers: [`Content-Disposition: form-data; name="${name}"; filename="a.png"`],
    body: 'x',
  });

  it.each<[string, readonly PartToSend[], string]>([
    ['nothing but fields', [fieldPart('other', 'x')], 'Error: No file provided'],
    ['another field', [image('image')], 'Error: No file provided: no field `file`; got `image`'],
    [
      'others',
      [image('image'), image('file[]'), image('image')],
      'Error: No file provided: no field `file`; got `image`, `file[]`',
    ],
    ['no choice', [fieldPart('file', '')], 'Error: No file provided: choose a file'],
    ['a placeholder', [fieldPart('file', '@filename')], 'Error: No file provided: choose a file'],
    [
      'text',
      [fieldPart('file', 'text')],
      'Error: fileType or fileName is wrong, check the integrity of this file!',
    ],
  ])('%s', async (_, parts, text) => expect(await said(await post(parts))).toEqual([400, text]));

  it.each([
    ['curl --data-binary', 'application/x-www-form-urlencoded'],
    ['a bare file', 'image/jpeg'],
    ['JSON', 'application/json'],
  ])('a body that is no form: %s', async (_, type) => {
    for (const query of ['', '?chunked=true']) {
      expect(
        await said(
          await stowage.fetch(`/upload${query}`, {
            method: 'POST',
            headers: { 'content-type': type },
            body: Buffer.alloc(90_000),
          }),
        ),
      ).toEqual([
        400,
        'Error: Send multipart/form-data with the file in the field `file`, as `curl -F file=@photo.jpg` does.',
      ]);
    }
  });
});

describe('looking at /upload', () => {
  const asked = (init: RequestInit) => stowage.fetch('/upload', init);

  it('says in a browser what it is for, before it asks for credentials', async () => {
    const answer = await asked({
      headers: { authorization: '', accept: 'text/html,application/xhtml+xml,*/*;q=0.8' },
    });
    expect(await said(answer)).toEqual([
      405,
      expect.stringMatching(/^Error: Method not allowed: send files here by POST/),
    ]);
    expect(answer.headers.get('allow')).toBe('POST');
  });

  it('is 401 without credentials, 405 with them', async () => {
    expect((await asked({ headers: { authorization: '' } })).status).toBe(401);
    expect((await asked({})).status).toBe(405);
    expect((await asked({ method: 'HEAD' })).status).toBe(405);
  });
});

describe('a slip of the pen', () => {
  const noticeOf = async (query: string) => {
    const response = await upload(stowage, query);
    return [response.status, response.headers.get('x-stowage-notice')];
  };

  it.each([
    ['?uploadNameType=orign', 'ignored: uploadNameType=orign'],
    ['?returnFormat=FULL', 'ignored: returnFormat=FULL'],
    ['?serverCompress=yes&autoRetry=0', 'ignored: serverCompress=yes, autoRetry=0'],
    ['?folder=x&uploadFolder=y', 'ignored: folder'],
    ['?f%0d%0aX-A:b=1', 'ignored: f%0D%0AX-A%3Ab'],
    ['?__proto__=1', 'ignored: __proto__'],
    ['?uploadNameType=&uploadFolder=&channelName=&returnFormat=default', null],
    [
      '?authCode=x&uploadChannel=local&uploadNameType=short&returnFormat=full&serverCompress=false&autoRetry=true',
      null,
    ],
  ])('%s is stored all the same, and told', async (query, notice) =>
    expect(await noticeOf(query)).toEqual([200, notice]),
  );
});

describe('a chunked upload begun', () => {
  const withCode = { authorization: '', authCode: code };

  it('with the upload code may be continued with a token, and the other way round not', async () => {
    const upload = await initUpload(stowage, 2, { headers: withCode });
    expect(
      (await putChunk(stowage, { ...upload, headers: {} }, 0, Buffer.from('one '))).status,
    ).toBe(200);
    expect((await putChunk(stowage, upload, 1, Buffer.from('two'))).status).toBe(200);
    expect(await read(await srcOf(mergeUpload(stowage, { ...upload, headers: {} })))).toBe(
      'one two',
    );

    const ofToken = await initUpload(stowage, 1);
    const answer = await putChunk(stowage, { ...ofToken, headers: withCode }, 0, Buffer.from('x'));
    expect(await said(answer)).toEqual([400, 'Error: Invalid or expired upload session']);
  });

  it('and merged too early is no alarm in the log', async () => {
    const answer = await mergeUpload(stowage, await initUpload(stowage, 2));
    expect(await said(answer)).toEqual([
      500,
      expect.stringMatching(/^Error: Failed to merge chunks - Only 0\/2 chunks completed/),
    ]);
    const errors = stowage.log.filter(
      (line) => line.startsWith('{') && JSON.parse(line).level >= 50,
    );
    expect(errors).toEqual([]);
  });
});

describe('refusals in the words of the API', () => {
  it.each([
    ['POST', '/api/channels', 'Method Not Allowed'],
    ['PATCH', '/api/manage/apiTokens', 'Method not allowed'],
    ['GET', '/api/manage/delete/batch', '{"success":false,"error":"Method not allowed"}'],
  ])('%s %s', async (method, path, text) =>
    expect(await said(await stowage.fetch(path, { method }))).toEqual([405, text]),
  );

  it('a wrong code leaves a trace in the log, which some tools do not show', async () => {
    const wrong = { authorization: '', authCode: 'wrong' };
    expect((await upload(stowage, '')).status).toBe(200);
    expect((await stowage.fetch('/upload', { method: 'POST', headers: wrong })).status).toBe(401);
    await eventually(() =>
      expect(stowage.log.filter((line) => line.includes('"Upload refused"'))).not.toEqual([]),
    );
  });
});

describe('names', () => {
  it('never show where a file lay', async () => {
    for (const name of [
      'D:\\dh\\shot.png',
      'C:/Users/jo/shot.png',
      '/Users/jo/Desktop/shot.png',
      '\\\\nas\\share\\shot.png',
    ]) {
      const response = await post([filePart('x', name)], '?uploadNameType=short');
      const [src = ''] = await sourcesOf(response);
      expect((await stowage.fetch(src)).headers.get('content-disposition')).toMatch(
        /filename="shot\.png"/,
      );
      expect(await srcOf(post([filePart('x', name)]))).toMatch(/^\/file\/\d{13}_shot\.png$/);
    }
  });

  it('do not in chunked uploads, either', async () => {
    const session = await initUpload(stowage, 1, { name: 'D:\\dh\\shot.png', type: 'image/png' });
    expect((await putChunk(stowage, session, 0, Buffer.from('x'))).status).toBe(200);
    const src = await srcOf(mergeUpload(stowage, session));
    expect(src).toMatch(/^\/file\/\d{13}_shot\.png$/);
    expect((await stowage.fetch(src)).headers.get('content-disposition')).toMatch(
      /filename="shot\.png"/,
    );
  });

  it('are those that curl was given', async () => {
    const args = [
      '-H',
      `Authorization: Bearer ${stowage.adminToken}`,
      '-F',
      'file=hello;filename=图 "1" %41.txt;type=text/plain',
    ];
    const [{ src }] = JSON.parse(
      String(await curl(...args, `${stowage.url}/upload?uploadNameType=origin`)),
    );
    expect(decodeURIComponent(src)).toMatch(/^\/file\/图__1__A\.txt$/);
  });

  it('in folders that are no text leave no replacement character', async () => {
    expect(
      await srcOf(
        upload(stowage, '?uploadFolder=%E0%A4%A&uploadNameType=origin', { name: 'a.txt' }),
      ),
    ).toMatch(/^\/file\/_[_A]*\/a\.txt$/);
  });
});
