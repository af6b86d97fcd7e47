import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { fixture } from './media-client.ts';
import { jsonOf, srcOf, upload } from './requests.ts';
import { createToken } from './tokens.ts';

const code = 'a code to upload';
const nobody = { authorization: '' };
const config = {
  authCode: code,
  randomImage: { enabled: true, folders: ['/'] },
  publicBrowse: { enabled: true, folders: ['open', '/also/open/'] },
};

let app: Stowage;
const srcs: Record<string, string> = {};
beforeAll(async () => {
  app = await startStowage({ config });
  const files = [
    ['wide', 'open', 'photo.png', 'picture.png'],
    ['tall', 'open/deep/er', 'photo.jpg', 'photo.jpg'],
    ['video', 'open', 'clip.mp4', 'clip.mp4'],
    ['closed', 'closed', 'photo.png', 'picture.png'],
  ] as const;
  for (const [key, folder, name, source] of files) {
    const query = `?uploadFolder=${folder}&uploadNameType=origin`;
    srcs[key] = await srcOf(upload(app, query, { bytes: fixture(source), name }));
  }
});
afterAll(() => app?.stop());

const get = (path: string, headers: Record<string, string> = nobody) =>
  app.fetch(path, { headers });
const random = async (query: string, headers: Record<string, string> = {}) =>
  jsonOf<{ url?: string }>(get(`/random${query}`, { ...nobody, ...headers }));
const refusal = async (path: string) => {
  const response = await get(path);
  return [response.status, await response.json()];
};

describe('GET /api/directoryTree', () => {
  const tree = {
    name: '/',
    path: '',
    children: [
      { name: 'closed', path: 'closed/', children: [] },
      {
        name: 'open',
        path: 'open/',
        children: [
          {
            name: 'deep',
            path: 'open/deep/',
            children: [{ name: 'er', path: 'open/deep/er/', children: [] }],
          },
        ],
      },
    ],
  };

  it('has every folder, for a token or the upload code', async () => {
    const { headers } = await createToken(app, ['list']);
    for (const credentials of [headers, { ...nobody, authCode: code }]) {
      const response = await get('/api/directoryTree', credentials);
      expect(response.headers.get('cache-control')).toBe('private, max-age=60');
      expect(await response.json()).toEqual({ tree });
    }
  });

  it('is 401 for others', async () => {
    const response = await get('/api/directoryTree');
    expect([response.status, await response.text()]).toEqual([401, 'Unauthorized']);
  });
});

describe('GET /random', () => {
  it('gives a picture, as JSON, link or bytes', async () => {
    const response = await get('/random');
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const { url } = (await response.json()) as { url: string };
    expect([srcs.wide, srcs.tall, srcs.closed]).toContain(url);

    const { wide } = srcs;
    const whole = await random('?dir=open&orientation=landscape&type=url');
    expect(whole).toEqual({ url: `${app.url}${wide}` });
    const text = await get('/random?dir=/open/&orientation=landscape&form=text');
    expect(text.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(await text.text()).toBe(wide);
    const bytes = await get('/random?dir=open&orientation=landscape&type=img');
    expect(bytes.headers.get('content-type')).toBe('image/png');
    expect(bytes.headers.get('x-content-type-options')).toBe('nosniff');
    expect(Buffer.from(await bytes.arrayBuffer()).equals(fixture('picture.png'))).toBe(true);
  });

  it.each([
    ['?dir=open&orientation=portrait', 'tall'],
    ['?dir=open/deep', 'tall'],
    ['?content=video', 'video'],
    ['?content=mp4', 'video'],
    ['?content=video,image&dir=open/deep/er', 'tall'],
    ['?dir=open&orientation=square', undefined],
    ['?dir=open/de', undefined],
    ['?content=audio', undefined],
    ['?content=,', undefined],
  ])('%s', async (query, key) => {
    expect(await random(query)).toEqual(key === undefined ? {} : { url: srcs[key] });
  });

  it('fits the window or the device, and otherwise is any', async () => {
    const auto = '?dir=open&orientation=auto';
    const viewport = (width: number, height: number) => ({
      'sec-ch-viewport-width': String(width),
      'sec-ch-viewport-height': String(height),
    });
    expect(await random(auto, viewport(1920, 1080))).toEqual({ url: srcs.wide });
    expect(await random(auto, viewport(400, 900))).toEqual({ url: srcs.tall });
    expect(await random(auto, { 'user-agent': 'X (iPhone) Mobile' })).toEqual({ url: srcs.tall });
    expect(await random(auto, { 'user-agent': 'X (Windows NT)' })).toEqual({ url: srcs.wide });
    expect(await random('?dir=open/deep&orientation=auto', viewport(900, 400))).toEqual({
      url: srcs.tall,
    });
    const { headers } = await get(`/random${auto}`);
    expect(headers.get('accept-ch')).toBe('Sec-CH-Viewport-Width, Sec-CH-Viewport-Height');
    expect(headers.get('vary')).toContain('User-Agent');
  });
});

describe('GET /api/public/list', () => {
  const list = (query: string) =>
    jsonOf<{ files: { name: string; metadata: object }[]; [name: string]: unknown }>(
      get(`/api/public/list${query}`),
    );

  it('shows folders that are open, and what is below them', async () => {
    expect(await list('?dir=open')).toEqual({
      files: [
        {
          name: 'open/clip.mp4',
          metadata: {
            FileType: 'video/mp4',
            TimeStamp: expect.any(Number),
            FileSize: expect.any(String),
          },
        },
        { name: 'open/photo.png', metadata: expect.anything() },
      ],
      directories: ['open/deep'],
      totalCount: 3,
      returnedCount: 2,
      allowedDirs: ['open', 'also/open'],
      fromCache: false,
    });
    const names = async (query: string) => (await list(query)).files.map(({ name }) => name);
    expect(await names('?dir=/open/deep/er/')).toEqual(['open/deep/er/photo.jpg']);
    expect(await names('?dir=open&recursive=true&type=image')).toEqual([
      'open/deep/er/photo.jpg',
      'open/photo.png',
    ]);
    expect(await names('?dir=open&recursive=true&search=CLIP')).toEqual(['open/clip.mp4']);
    expect(await names('?dir=open&start=1&count=1')).toEqual(['open/photo.png']);
    expect(await names('?dir=open&count=-1')).toHaveLength(2);
  });

  it.each(['', '?dir=/', '?dir=closed', '?dir=open-not', '?dir=../closed', '?dir=also'])(
    'shows nothing of %j',
    async (query) => {
      expect(await refusal(`/api/public/list${query}`)).toEqual([
        403,
        { error: 'Directory not allowed' },
      ]);
    },
  );
});

describe('unless the owner opens them', () => {
  let shut: Stowage;
  beforeAll(async () => {
    shut = await startStowage({
      config: {
        publicBrowse: { enabled: true },
        randomImage: { enabled: true, folders: ['open'] },
      },
    });
  });
  afterAll(() => shut?.stop());

  it('no folder is public, and no picture comes from elsewhere', async () => {
    const of = async (path: string) => {
      const response = await shut.fetch(path, { headers: nobody });
      return [response.status, await response.json()];
    };
    expect(await of('/api/public/list')).toEqual([
      403,
      { error: 'No public directories configured' },
    ]);
    for (const path of ['/random', '/random?dir=other', '/random?dir=openly']) {
      expect(await of(path)).toEqual([403, { error: 'Directory not allowed' }]);
    }
    expect(await of('/random?dir=open/a')).toEqual([200, {}]);
    expect(await of('/api/public/other')).toEqual([404, { error: expect.any(String) }]);
  });

  it('both are off, until they are opened over HTTP', async () => {
    const off = await startStowage();
    const of = async (path: string) => {
      const response = await off.fetch(path);
      return [response.status, await response.json()];
    };
    try {
      expect(await of('/random')).toEqual([403, { error: 'Random is disabled' }]);
      expect(await of('/api/public/list?dir=a')).toEqual([
        403,
        { error: 'Public browse is disabled' },
      ]);
      const opened = await off.fetch('/api/manage/sysConfig/others', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          randomImageAPI: { enabled: true, allowedDir: '' },
          publicBrowse: { enabled: true, allowedDir: 'a, b' },
        }),
      });
      expect(opened.status).toBe(200);
      expect(await of('/random')).toEqual([200, {}]);
      expect((await of('/api/public/list?dir=b'))[0]).toBe(200);
      expect((await of('/api/public/list?dir=c'))[0]).toBe(403);
    } finally {
      await off.stop();
    }
  });
});
