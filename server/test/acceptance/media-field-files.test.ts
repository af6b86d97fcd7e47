import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { type Answer, fixture, type MediaClient, mediaClient } from './media-client.ts';
import { pseudoRandomBytes } from './requests.ts';

let stowage: Stowage;
let client: MediaClient;
beforeAll(async () => {
  stowage = await startStowage();
  client = mediaClient(stowage);
});
afterAll(() => stowage?.stop());

type Case = readonly [name: string, bytes: Buffer];

const sample = (name: string) => fixture(`field/${name}`);
const samples = (...names: string[]): Case[] => names.map((name) => [name, sample(name)]);
const latin1 = (text: string) => Buffer.from(text, 'latin1');
const join = (...parts: (Buffer | string)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? latin1(part) : part)));
/** Free of what marks the end of a format. */
const junk = (bytes: number) => Buffer.from(pseudoRandomBytes(bytes).map((byte) => byte | 1));
const zeros = (bytes: number) => Buffer.alloc(bytes);

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const box = (type: string, payload: Buffer | string = '') =>
  join(u32(payload.length + 8), type, payload);

async function complete(name: string, contentType: string, bytes: Buffer): Promise<Answer> {
  const presigned = await client.presign({
    filename: name,
    content_type: contentType,
    size: bytes.length,
  });
  expect(
    (await client.put(presigned.body.data.upload_url, bytes, { 'content-type': contentType }))
      .status,
  ).toBe(200);
  return client.complete(presigned.body.data.media_id);
}

async function expectReady(
  [name, bytes]: Case,
  declared: string,
  detected = declared,
): Promise<Answer['body']['data']> {
  const { status, body } = await complete(`x.${declared.split('/')[1]}`, declared, bytes);
  expect([status, body.data?.status, body.data?.content_type, body.error?.message], name).toEqual([
    200,
    'ready',
    detected,
    undefined,
  ]);
  return body.data;
}

describe('JPEG', () => {
  const jpeg = sample('baseline.jpg');
  const rest = jpeg.subarray(2);
  const withoutJfif = jpeg.subarray(20);
  const sef = join('\0\0\x31\x0a\x10\0\0\0Image_UTC_Data1700000000000', 'SEFH', zeros(20), 'SEFT');

  it.each<Case>([
    ...samples(
      'baseline.jpg',
      'progressive.jpg',
      'arithmetic.jpg',
      'grey-restart.jpg',
      'rgb-adobe.jpg',
      'cmyk.jpg',
      'exif-xmp.jpg',
    ),
    ['tables first, as MJPEG cameras write', join('\xff\xd8', withoutJfif)],
    ['SPIFF', join('\xff\xd8\xff\xe8\0\x20SPIFF\0', zeros(24), withoutJfif)],
    ['a comment first', join('\xff\xd8\xff\xfe\0\x06made', rest)],
    ['fill bytes', join('\xff\xd8\xff\xff\xff', rest)],
    ['a motion photo', join(jpeg, sample('isom.mp4'))],
    ['a motion photo of a megabyte', join(jpeg, sample('isom.mp4'), box('mdat', junk(1_000_000)))],
    ['notes of a Samsung', join(jpeg, sef)],
    ['several pictures (MPF)', join(jpeg, zeros(16), jpeg)],
    ['zeros at its end', join(jpeg, zeros(300_000))],
    ['a line end at its end', join(jpeg, '\r\n')],
    ['a page at its end', join(jpeg, '<!-- cached -->\n'.repeat(500))],
  ])('%s', async (...file) => {
    const { width, height } = await expectReady(file, 'image/jpeg');
    expect([width, height].toSorted()).toEqual([32, 48]);
  });
});

describe('PNG', () => {
  const png = sample('palette.png');
  const cgbi = join(
    png.subarray(0, 8),
    u32(4),
    'CgBI',
    '\x50\0\x20\x02',
    u32(0x2bd5b37f),
    png.subarray(8),
  );

  it.each<Case>([
    ...samples('interlaced-16.png', 'palette.png', 'grey-alpha.png', 'animated.png'),
    ['of an iPhone app', cgbi],
    ['zeros at its end', join(png, zeros(5000))],
    ['the rest of a larger one at its end, as croppers left it', join(png, junk(2_000_000))],
    ['an archive at its end', join(png, 'PK\x03\x04', junk(100_000))],
  ])('%s', async (...file) => {
    expect(await expectReady(file, 'image/png')).toMatchObject({ width: 48, height: 32 });
  });
});

describe('GIF', () => {
  const gif = sample('gif87a.gif');

  it.each<Case>([
    ...samples('gif87a.gif', 'animated.gif'),
    ['without its last byte', gif.subarray(0, -1)],
    ['zeros at its end', join(gif, zeros(5000))],
    [
      'a long one with much at its end',
      join(gif.subarray(0, -1), `!\xfe${`\xfe${'c'.repeat(254)}`.repeat(200)}\0;`, junk(50_000)),
    ],
  ])('%s', async (...file) => {
    expect(await expectReady(file, 'image/gif')).toMatchObject({ width: 48, height: 32 });
  });
});

describe('WebP', () => {
  it.each<Case>([
    ...samples('lossy.webp', 'lossless.webp', 'alpha.webp', 'animated.webp'),
    ['something at its end', join(sample('lossy.webp'), junk(5000))],
  ])('%s', async (...file) => {
    expect(await expectReady(file, 'image/webp')).toMatchObject({ width: 48, height: 32 });
  });

  it('of one pixel', async () => {
    await expectReady(
      ['26 bytes', Buffer.from('UklGRhIAAABXRUJQVlA4TAYAAAAvQWxvAGs=', 'base64')],
      'image/webp',
    );
  });
});

describe('HEIC and HEIF', () => {
  const heic = sample('still.heic');
  const branded = (major: string) => join(heic.subarray(0, 8), major, heic.subarray(12));

  it.each<Case>([
    ...samples('still.heic', 'thumbnail.heic'),
    ...['heix', 'hevc', 'hevx', 'heim', 'heis', 'hevm', 'hevs'].map(
      (major): Case => [major, branded(major)],
    ),
    ['zeros at its end', join(heic, zeros(5000))],
    ['a motion photo', join(heic, box('mpvd', sample('isom.mp4')))],
    ['padding in front', join(box('free', zeros(100)), heic)],
  ])('HEIC: %s', async (...file) => {
    expect(await expectReady(file, 'image/heic')).toMatchObject({ width: 48, height: 32 });
  });

  it.each(['mif1', 'mif2', 'msf1', 'miaf', 'heif', 'MiHE'])(
    'HEIF: %s, also when it is called HEIC',
    async (major) => {
      await expectReady([major, branded(major)], 'image/heif');
      await expectReady([major, branded(major)], 'image/heic', 'image/heif');
    },
  );
});

describe('MP4', () => {
  const mp4 = sample('isom.mp4');
  const ftypEnd = mp4.readUInt32BE(0);
  const branded = (major: string, ...compatible: string[]) =>
    join(box('ftyp', `${major}\0\0\x02\0${compatible.join('')}`), mp4.subarray(ftypEnd));

  function withLargeMdat(): Buffer {
    const at = mp4.indexOf('mdat') - 4;
    const bytes = mp4.readUInt32BE(at);
    return join(mp4.subarray(0, at), u32(1), 'mdat', u32(0), u32(bytes + 8), mp4.subarray(at + 8));
  }

  it.each<Case>([
    ...samples(
      'isom.mp4',
      'mp42.mp4',
      'm4v.mp4',
      '3gp-brands.mp4',
      'mpeg4-part2.mp4',
      'hevc.mp4',
      'fragmented.mp4',
      'dash.mp4',
    ),
    ...[
      'iso2',
      'iso4',
      'iso5',
      'iso6',
      'iso9',
      'mp41',
      'mp42',
      'avc1',
      'M4V ',
      'M4VP',
      'F4V ',
      'f4v ',
      'MSNV',
      'dash',
      'mmp4',
      'hvc1',
      'av01',
      'XAVC',
      'caqv',
      'NDSC',
    ].map((major): Case => [major, branded(major)]),
    ...['3gp4', '3gp5', '3gp6', '3gp7', '3gg6'].map(
      (major): Case => [`${major} of a phone`, branded(major, 'isom', major)],
    ),
    ['a brand of its maker', branded('ABCD', 'mp42', 'isom')],
    ['a brand that nobody knows', branded('ABCD')],
    ['QuickTime that says it is MP4 as well', branded('qt  ', 'qt  ', 'mp42')],
    ['free in front', join(box('free', zeros(300)), mp4)],
    ['skip and wide in front', join(box('skip', zeros(20)), box('wide'), mp4)],
    ['uuid in front', join(box('uuid', zeros(32)), mp4)],
    [
      'free between',
      join(mp4.subarray(0, ftypEnd), box('free'), box('free', zeros(4000)), mp4.subarray(ftypEnd)),
    ],
    ['64-bit mdat', withLargeMdat()],
    ['zeros at its end', join(mp4, zeros(100_000))],
    ['free at its end', join(mp4, box('free', zeros(100_000)))],
    ['junk at its end', join(mp4, junk(3000))],
    ['its movie in front', fixture('clip-faststart.mp4')],
  ])('%s', async (name, bytes) => {
    const { width, height, type } = await expectReady([name, bytes], 'video/mp4');
    expect([type, width / height]).toEqual([
      'video',
      name.startsWith('its movie') ? 320 / 180 : 64 / 48,
    ]);
  });
});

describe('PDF', () => {
  const pdf = sample('classic.pdf');
  const trailer = pdf.lastIndexOf('startxref');
  const page = `<!DOCTYPE html><html>${'<p>proxy error</p>'.repeat(400)}`;

  it.each<Case>([
    ...samples('classic.pdf', 'compressed-xref.pdf', 'linearized.pdf', 'encrypted.pdf'),
    ['no %%EOF', pdf.subarray(0, pdf.lastIndexOf('%%EOF'))],
    ['no startxref', pdf.subarray(0, trailer)],
    ['zeros behind', join(pdf, zeros(100_000))],
    ['a page behind', join(pdf, page)],
    ['objects behind', join(pdf, '9 0 obj\n<</Type /Metadata>>\nendobj\n'.repeat(300))],
    ['a line of a server behind', join(pdf, '\n<!-- 0.123 s -->'.repeat(100))],
    ['junk behind', join(pdf, junk(3_000_000))],
    [
      'a second version',
      join(pdf, '9 0 obj\n<<>>\nendobj\ntrailer\n<</Root 1 0 R /Prev 9>>\nstartxref\n9\n%%EOF\n'),
    ],
    ['a byte order mark in front', join('\xef\xbb\xbf', pdf)],
    ['line ends in front', join('\r\n\n', pdf)],
    ['a page in front', join('<html><body>', pdf)],
    ['a warning of PHP in front', join('<br />\n<b>Notice</b>: Undefined index\n', pdf)],
    ['headers in front', join('HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n', pdf)],
    [
      'printer commands in front',
      join('\x1b%-12345X@PJL SET COPIES=1\r\n@PJL ENTER LANGUAGE=PDF\r\n', pdf, '\x1b%-12345X'),
    ],
    ['a MacBinary header in front', join('\0\x08file.pdf', zeros(118), pdf)],
    ['1 KiB in front', join(junk(1020), pdf)],
    ['much in front', join(page, pdf)],
    ['very much in front', join(junk(40_000), pdf)],
    [
      'the header of PostScript',
      join('%!PS-Adobe-3.0 PDF-1.3\n', pdf.subarray(pdf.indexOf('\n') + 1)),
    ],
    [
      'letters of another table',
      join('%PDF-1.4\r%\xe2\xe3\xcf\xd3\r', pdf.subarray(pdf.indexOf('\n') + 1)),
    ],
  ])('%s', async (...file) => {
    expect(await expectReady(file, 'application/pdf')).toMatchObject({
      type: 'document',
      width: null,
    });
  });

  it.each<readonly [name: string, bytes: Buffer, code: string]>([
    ['its first half', pdf.subarray(0, pdf.length / 2), 'invalid_media'],
    ['all but its trailer', pdf.subarray(0, pdf.lastIndexOf('trailer')), 'invalid_media'],
    ['a header alone', join('%PDF-1.7\n'), 'invalid_media'],
    [
      'half of a linearized one',
      join(
        sample('linearized.pdf')
          .subarray(0, 1000)
          .toString('latin1')
          .replace(/\/L \d+/, '/L 99999'),
      ),
      'invalid_media',
    ],
    ['a page', join(page), 'content_type_mismatch'],
    ['a text', join('hello'), 'content_type_mismatch'],
    ['noise', junk(5000), 'content_type_mismatch'],
    ['an archive', join('PK\x03\x04', zeros(200)), 'content_type_mismatch'],
  ])('%s is none', async (_, bytes, code) => {
    const { status, body } = await complete('x.pdf', 'application/pdf', bytes);
    expect([status, body.error.code]).toEqual([422, code]);
  });
});

it.each(['image/jpeg', 'image/png', 'image/webp', 'image/heic', 'video/mp4'])(
  'noise and text are no %s, whatever they are called',
  async (type) => {
    for (const bytes of [latin1('hello'), junk(3000)]) {
      const { status, body } = await complete(`x.${type.split('/')[1]}`, type, bytes);
      expect([status, body.error.code]).toEqual([422, 'content_type_mismatch']);
    }
  },
);
