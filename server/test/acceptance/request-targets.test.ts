import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { curl, type Stowage, startStowage } from './harness.ts';
import { srcOf, upload } from './requests.ts';

/** One address, however it is written (T36), and pages of other origins. */
let app: Stowage;
let auth: readonly string[];
beforeAll(async () => {
  app = await startStowage();
  auth = ['-H', `Authorization: Bearer ${app.adminToken}`];
});
afterAll(() => app?.stop());

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Through curl, which sends a target as it is told to. */
async function ask(target: string, ...options: string[]): Promise<Answer> {
  const text = (
    await curl(
      '--path-as-is',
      '-w',
      '\n%{http_code}',
      '--request-target',
      target,
      ...options,
      app.url,
    )
  ).toString();
  const at = text.lastIndexOf('\n');
  return { status: Number(text.slice(at + 1)), body: text.slice(0, at) };
}

const spellings: readonly (readonly [name: string, write: (path: string) => string])[] = [
  ['absolute-form', (path) => `http://media.example${path}`],
  ['absolute-form of https with a port', (path) => `HTTPS://media.example:8443${path}`],
  ['two slashes at the start', (path) => `/${path}`],
  ['two slashes behind a base', (path) => path.replace(/^\/(?:api\/v1|api|file)(?=\/)/, '$&/')],
  [
    'letters percent-encoded',
    (path) => path.replace(/[a-z]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
  ],
  ['a fragment', (path) => `${path}#top`],
];

describe.each(spellings)('a target with %s', (_, write) => {
  it('is uploaded to, read and deleted like the plain one', async () => {
    const src = await srcOf(upload(app, '', { bytes: 'the bytes', name: 'ä b.txt' }));
    const raw = encodeURI(decodeURI(src));
    expect(await ask(write(raw))).toEqual({ status: 200, body: 'the bytes' });
    const removed = await ask(
      write(`/api/manage/delete/${raw.slice('/file/'.length)}`),
      '-X',
      'DELETE',
      ...auth,
    );
    expect(removed.status).toBe(200);
    expect(JSON.parse(removed.body)).toMatchObject({ success: true });
    expect((await app.fetch(src)).status).toBe(404);
  });

  it('takes a form, JSON, and a query', async () => {
    const form = await ask(
      write('/upload?returnFormat=full'),
      ...auth,
      '-F',
      `file=@${import.meta.filename}`,
    );
    expect(form.status).toBe(200);
    const json = '{"filename":"a.jpg","content_type":"image/jpeg","size":5}';
    const presigned = await ask(
      write('/api/v1/media/upload'),
      ...auth,
      '-H',
      'Content-Type: application/json',
      '-d',
      json,
    );
    expect(presigned.status).toBe(201);
    expect((await ask(write('/nothing'))).status).toBe(404);
  });
});

it.each(['/', '/?utm_source=mail'])('%s leads a person to the documentation', async (target) => {
  const answer = await app.fetch(target, { redirect: 'manual' });
  expect([answer.status, answer.headers.get('location')]).toEqual([302, 'docs']);
});

it('a link behind a base address that ends in a slash is what is deleted, not a folder called file', async () => {
  const [linked] = [await srcOf(upload(app, '?uploadNameType=origin', { name: 'twice.txt' }))];
  const other = await srcOf(
    upload(app, '?uploadNameType=origin&uploadFolder=file', { name: 'twice.txt' }),
  );
  expect((await ask(`//api//manage/delete/${linked}`, '-X', 'DELETE', ...auth)).status).toBe(200);
  expect((await app.fetch(linked)).status).toBe(404);
  expect((await app.fetch(other)).status).toBe(200);
});

it('through a proxy that speaks absolute-form, links name the host that was asked for', async () => {
  const answer = await curl(
    '-x',
    app.url,
    ...auth,
    '-F',
    `file=@${import.meta.filename}`,
    'http://media.example/upload?returnFormat=full',
  );
  expect(JSON.parse(answer.toString())[0].src).toMatch(/^http:\/\/media\.example\/file\//);
});

it('an unknown address is named, with the way to the description', async () => {
  const answer = await ask('/uplod?authCode=canary', '-X', 'POST');
  expect(answer.status).toBe(404);
  expect(JSON.parse(answer.body).error.message).toBe(
    'No route for POST /uplod. The API is described at /docs.',
  );
  expect((await ask(`/${'x'.repeat(3000)}`)).body.length).toBeLessThan(500);
});

describe('a Content-Type that is none', () => {
  it.each(['', 'jpg', 'image', 'undefined', 'null', 'image/jpeg, image/jpeg'])(
    '%j counts as absent',
    async (type) => {
      const header = ['-H', type === '' ? 'Content-Type;' : `Content-Type: ${type}`];
      const json = '{"filename":"a.txt.jpg","content_type":"image/jpeg","size":4}';
      const presigned = await ask('/api/v1/media/upload', ...auth, ...header, '-d', json);
      expect(presigned.status).toBe(201);
      const { upload_url: url, media_id: id } = JSON.parse(presigned.body).data;
      expect(
        (await ask(url.slice(app.url.length), '-X', 'PUT', ...header, '--data-binary', 'jpeg'))
          .status,
      ).toBe(200);
      expect(
        (await ask(`/api/v1/media/${id}/complete`, '-X', 'POST', ...auth, ...header, '-d', ''))
          .status,
      ).toBe(422);
      const form = await ask('/upload', ...auth, ...header, '--data-binary', 'x');
      expect(form.status).toBe(400);
      expect(form.body).toMatch(/^Error: .*multipart\/form-data/);
    },
  );
});

describe('a page of another origin', () => {
  const asked =
    'x-requested-with, Cache-Control, x-amz-meta-name, authorization, content-type, upload-offset';

  it.each([
    ['/upload', 'POST'],
    ['/upload/huggingface/getUploadUrl', 'POST'],
    ['/upload/status', 'GET'],
    ['/api/channels', 'GET'],
    ['/api/manage/apiTokens', 'PUT'],
    ['/api/manage/delete/a.jpg', 'DELETE'],
    ['/api/manage/nothing-yet', 'PATCH'],
    ['/api/v1/media/upload', 'POST'],
    ['/media', 'GET'],
    ['/api/v1/nothing', 'POST'],
    ['/relay/0199-not-an-id', 'PUT'],
    ['/file/a.jpg', 'GET'],
    ['/nothing', 'GET'],
  ])('may ask %s by %s with whatever headers it sends', async (path, method) => {
    const headers = {
      authorization: '',
      origin: 'https://blog.example',
      'access-control-request-method': method,
    };
    const preflight = await app.fetch(path, {
      method: 'OPTIONS',
      headers: { ...headers, 'access-control-request-headers': asked },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-methods')?.split(', ')).toContain(method);
    expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
    const allowed = preflight.headers
      .get('access-control-allow-headers')
      ?.toLowerCase()
      .split(', ');
    expect(allowed).toEqual(expect.arrayContaining(asked.toLowerCase().split(', ')));
    const answer = await app.fetch(path, {
      method,
      headers: { authorization: '', origin: 'https://blog.example' },
    });
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
  });

  it('reads what was wrong with an address that cannot be decoded', async () => {
    const answer = await app.fetch('/api/manage/delete/%zz', {
      headers: { origin: 'https://blog.example' },
    });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([400, '*']);
  });

  it('gets no header back that is none', async () => {
    const preflight = await app.fetch('/upload', {
      method: 'OPTIONS',
      headers: {
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'x-fine, x bad, <script>, ,a/b',
      },
    });
    const allowed = preflight.headers.get('access-control-allow-headers') ?? '';
    expect(allowed).toMatch(/, x-fine$/);
    expect(allowed).not.toMatch(/bad|script|a\/b/);
  });

  it('reads no metrics and no health of a server it happens to reach', async () => {
    for (const path of ['/metrics', '/healthz', '/readyz']) {
      const answer = await app.fetch(path, { headers: { origin: 'https://blog.example' } });
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    }
  });
});

describe('with origins of the owner only', () => {
  let closed: Stowage;
  beforeAll(async () => {
    closed = await startStowage({ config: { cors: { origins: ['https://mine.example'] } } });
  });
  afterAll(() => closed?.stop());

  it.each(['/upload', '/api/v1/media', '/api/v1/nothing', '/nothing'])(
    '%s lets no other page in',
    async (path) => {
      const preflight = (origin: string) =>
        closed.fetch(path, {
          method: 'OPTIONS',
          headers: { origin, 'access-control-request-method': 'POST' },
        });
      expect(
        (await preflight('https://mine.example')).headers.get('access-control-allow-origin'),
      ).toBe('https://mine.example');
      const other = await preflight('https://blog.example');
      expect([other.headers.get('access-control-allow-origin'), other.headers.get('vary')]).toEqual(
        [null, 'Origin'],
      );
    },
  );
});
