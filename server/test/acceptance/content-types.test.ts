import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initUpload, mergeUpload, putChunk } from './chunked-client.ts';
import { type Stowage, startStowage } from './harness.ts';
import {
  filePart,
  multipartBody,
  postMultipart,
  pseudoRandomBytes,
  srcOf,
  upload,
} from './requests.ts';

let stowage: Stowage;
beforeAll(async () => {
  stowage = await startStowage();
});
afterAll(() => stowage?.stop());

interface Sent {
  readonly bytes: Uint8Array | string;
  readonly name: string;
  readonly type: string;
}

const basic = ({ bytes, name, type }: Sent, query = '') =>
  srcOf(postMultipart(stowage, `/upload${query}`, multipartBody([filePart(bytes, name, type)])));

async function chunked({ bytes, name, type }: Sent, query = ''): Promise<string> {
  const chunks = await initUpload(stowage, 1, { name, type, query: query.replace('?', '&') });
  await putChunk(stowage, chunks, 0, Buffer.from(bytes as string));
  return srcOf(mergeUpload(stowage, chunks));
}

async function headersOf(src: string): Promise<Record<string, string>> {
  const { headers } = await stowage.fetch(src, { method: 'HEAD', headers: { authorization: '' } });
  return Object.fromEntries(headers);
}

const typeOf = async (src: string) => (await headersOf(src))['content-type'];

describe.each([
  ['basic', basic],
  ['chunked', chunked],
] as const)('%s upload: a declared type that can do no harm is kept', (_, send) => {
  const noise = pseudoRandomBytes(3000);

  it.each([
    ['a.jpg', 'image/jpeg', 'inline'],
    ['a.png', 'image/png', 'inline'],
    ['a.webp', 'image/webp', 'inline'],
    ['a.mp4', 'video/mp4', 'inline'],
    ['a.flv', 'video/x-flv', 'inline'],
    ['a.mp3', 'audio/mpeg', 'inline'],
    ['a.pdf', 'application/pdf', 'attachment'],
    ['a.zip', 'application/zip', 'attachment'],
  ])('%s as %s', async (name, type, disposition) => {
    for (const bytes of ['hello', 'fake', noise]) {
      expect(await headersOf(await send({ bytes, name, type }))).toMatchObject({
        'content-type': type,
        'content-disposition': expect.stringMatching(`^${disposition};`),
        'x-content-type-options': 'nosniff',
        'content-security-policy': expect.stringMatching(/sandbox$/),
      });
    }
  });

  it('and so is the extension that follows from it', async () => {
    for (const mode of ['index', 'short']) {
      expect(
        await send(
          { bytes: 'hello', name: 'photo', type: 'image/jpeg' },
          `?uploadNameType=${mode}`,
        ),
      ).toMatch(/\.jpg$/);
      expect(
        await send({ bytes: noise, name: 'clip', type: 'video/mp4' }, `?uploadNameType=${mode}`),
      ).toMatch(/\.mp4$/);
      expect(
        await send({ bytes: 'hello', name: 'a.png', type: '' }, `?uploadNameType=${mode}`),
      ).toMatch(/\.png$/);
    }
  });

  it.each([
    ['text/html', 'text/plain'],
    ['image/svg+xml', 'text/plain'],
    ['application/x-ecmascript', 'text/plain'],
    ['text/jscript', 'text/plain'],
    ['application/xhtml+xml', 'text/plain'],
    ['multipart/x-mixed-replace; boundary=b', 'text/plain'],
    ['application/x-unheard-of', 'text/plain'],
  ])('%s is no such type', async (type, expected) => {
    expect(await typeOf(await send({ bytes: 'alert(1)', name: 'a', type }))).toMatch(
      new RegExp(`^${expected}`),
    );
    expect(await typeOf(await send({ bytes: `\0${'alert(1)'}`, name: 'a', type }))).toBe(
      'application/octet-stream',
    );
  });
});

describe('the charset of a text', () => {
  const gbk = Buffer.from('c4e3bac3cac0bde7', 'hex');
  const latin1 = Buffer.from('Grüße', 'latin1');
  const long = 'plain words\n'.repeat(20_000);

  it.each<[string, Uint8Array | string, string, string]>([
    ['UTF-8', 'Grüße', 'text/plain', 'text/plain; charset=utf-8'],
    ['ASCII', 'hello', 'text/plain', 'text/plain; charset=utf-8'],
    ['UTF-8 as ASCII', 'Grüße', 'text/plain; charset=us-ascii', 'text/plain; charset=utf-8'],
    ['GBK, declared', gbk, 'text/plain; charset=GBK', 'text/plain; charset=GBK'],
    ['GBK', gbk, 'text/plain', 'text/plain'],
    ['GBK as UTF-8', gbk, 'text/plain; charset=utf-8', 'text/plain'],
    [
      'Shift_JIS, declared',
      Buffer.from('93fa967b8cea', 'hex'),
      'text/plain;charset="Shift_JIS"',
      'text/plain; charset=Shift_JIS',
    ],
    [
      'Latin-1, declared',
      latin1,
      'text/plain; charset=iso-8859-1',
      'text/plain; charset=iso-8859-1',
    ],
    ['Latin-1', latin1, 'text/plain', 'text/plain'],
    [
      'UTF-16, declared',
      Buffer.from('Grüße', 'utf16le'),
      'text/plain; charset=utf-16le',
      'text/plain; charset=utf-16le',
    ],
    ['UTF-16 with a mark', Buffer.from('\ufeffGrüße', 'utf16le'), 'text/plain', 'text/plain'],
    ['UTF-7', '+ADw-script+AD4-', 'text/plain; charset=utf-7', 'text/plain; charset=utf-8'],
    ['ISO-2022-JP', '\x1b$B\x1b(B', 'text/plain; charset=iso-2022-jp', 'text/plain; charset=utf-8'],
    [
      'a page in GBK',
      Buffer.concat([Buffer.from('<!DOCTYPE html>'), gbk]),
      'text/html; charset=gbk',
      'text/plain; charset=gbk',
    ],
    ['long', `${long}ü`, 'text/plain', 'text/plain; charset=utf-8'],
    [
      'long, Latin-1 at its very end',
      Buffer.concat([Buffer.from(long), latin1]),
      'text/plain',
      'text/plain',
    ],
  ])('%s', async (_, bytes, type, expected) => {
    expect(await typeOf(await basic({ bytes, name: 'a.txt', type }))).toBe(expected);
  });

  it('is told of chunked uploads as far as their beginning shows it', async () => {
    const inChunks = (bytes: Uint8Array | string) =>
      chunked({ bytes, name: 'a.txt', type: 'text/plain' });
    expect(await typeOf(await inChunks('hello'))).toBe('text/plain; charset=utf-8');
    expect(await typeOf(await inChunks(`Grüße ${long}`))).toBe('text/plain; charset=utf-8');
    expect(await typeOf(await inChunks(latin1))).toBe('text/plain');
    expect(await typeOf(await inChunks(Buffer.concat([Buffer.from(long), latin1])))).toBe(
      'text/plain',
    );
  });

  it('does not show in the Media API', async () => {
    await upload(stowage, '', { name: 'listed.txt' });
    const { data } = (await (await stowage.fetch('/api/v1/media?limit=1')).json()) as {
      data: { media: { content_type: string }[] };
    };
    expect(data.media[0]?.content_type).toBe('text/plain');
  });
});

it.each([
  ['list.m3u8', '#EXTM3U\n#EXT-X-VERSION:3\n', 'application/vnd.apple.mpegurl'],
  ['list.m3u', '#EXTM3U\na.mp3\n', 'audio/x-mpegurl'],
  [
    'film.mpd',
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
    'application/dash+xml',
  ],
  ['film.vtt', 'WEBVTT\n\n00:01.000 --> 00:02.000\nhi\n', 'text/vtt; charset=utf-8'],
  ['film.srt', '1\n00:00:01,000 --> 00:00:02,000\nhi\n', 'application/x-subrip'],
  ['film.ass', '[Script Info]\nTitle: x\n', 'text/x-ssa; charset=utf-8'],
  ['film.ttml', '<tt xmlns="http://www.w3.org/ns/ttml"/>', 'application/ttml+xml'],
])('%s keeps the type by which players know it', async (name, bytes, expected) => {
  for (const type of ['application/octet-stream', 'text/plain', '']) {
    const headers = await headersOf(await basic({ bytes, name, type }));
    expect([headers['content-type'], headers['x-content-type-options']]).toEqual([
      expected,
      'nosniff',
    ]);
  }
});

it('files from before are served as safely', async () => {
  const src = await basic({ bytes: 'alert(1)', name: 'old.txt', type: 'text/plain' });
  const db = new DatabaseSync(join(stowage.dataDir, 'stowage.db'));
  try {
    for (const [stored, served] of [
      ['application/x-ecmascript', 'text/plain'],
      ['text/html', 'text/plain'],
      ['application/mathml+xml', 'text/plain'],
      ['application/x-unheard-of', 'application/octet-stream'],
      ['text/plain', 'text/plain'],
      ['text/plain; charset=utf-7', 'text/plain'],
    ] as const) {
      db.prepare('update files set content_type = ? where path = ?').run(
        stored,
        src.slice('/file/'.length),
      );
      const headers = await headersOf(src);
      expect([headers['content-type'], headers['content-security-policy']], stored).toEqual([
        served,
        expect.stringMatching(/sandbox$/),
      ]);
    }
  } finally {
    db.close();
  }
});
