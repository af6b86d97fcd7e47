import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sniff } from './sniff.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const of = async (head: Uint8Array, filename = 'x', declared?: string) =>
  (await sniff(head, { filename, declared })).contentType;
const ftyp = (major: string, ...compatible: string[]) =>
  bytes(
    `\0\0\0${String.fromCharCode(16 + 4 * compatible.length)}ftyp${major}\0\0\0\0${compatible.join('')}`,
  );
const jpeg = bytes('\xff\xd8\xff\xe0\0\x10JFIF\0');

describe('sniff of binary formats', () => {
  it.each<[string, Uint8Array]>([
    ['image/jpeg', jpeg],
    ['image/png', bytes('\x89PNG\r\n\x1a\n\0\0\0\rIHDR')],
    ['image/gif', bytes('GIF89a\x01\0\x01\0')],
    ['image/webp', bytes('RIFF\x24\0\0\0WEBPVP8 ')],
    ['audio/wav', bytes('RIFF\x24\0\0\0WAVEfmt ')],
    ['image/bmp', bytes(`BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0`)],
    ['application/pdf', bytes('%PDF-1.7\n%\xe2\xe3')],
    ['audio/flac', bytes('fLaC\0\0\0\x22')],
    ['video/mp4', ftyp('isom', 'isom', 'avc1')],
    ['video/mp4', ftyp('M4V ')],
    ['video/quicktime', ftyp('qt  ')],
    ['video/quicktime', ftyp('qt  ', 'qt  ')],
    ['video/mp4', ftyp('qt  ', 'qt  ', 'mp42')],
    ['video/mp4', ftyp('ABCD', 'isom')],
    ['video/mp4', ftyp('ABCD')],
    ['video/3gpp', ftyp('3gp5', 'isom')],
    ['image/heif', ftyp('miaf', 'heic')],
    ['image/heif', ftyp('ABCD', 'mif1')],
    ['video/mp4', Buffer.concat([bytes('\0\0\0\x0cfree\0\0\0\0\0\0\0\x08wide'), ftyp('mp42')])],
    ['video/quicktime', bytes('\0\0\0\x08wide\0\x10\0\0mdat')],
    ['video/quicktime', bytes('\0\0\x10\0moov')],
    ['audio/mp4', ftyp('M4A ')],
    ['image/heic', ftyp('heic', 'mif1')],
    ['image/heif', ftyp('mif1', 'mif1', 'heic')],
    ['image/avif', ftyp('avif', 'mif1')],
    ['image/avif', ftyp('mif1', 'miaf', 'avif')],
    ['image/tiff', bytes('II*\0\x08\0\0\0\0\0\0\0')],
    ['image/x-icon', bytes('\0\0\x01\0\x01\0\x10\x10\0\0\x01\0')],
    ['audio/mpeg', bytes(`ID3\x04\0\0\0\0\0\0${'\xff\xfb\x90\0'.repeat(30)}`)],
    ['video/webm', bytes('\x1a\x45\xdf\xa3\x87\x42\x82\x84webm')],
    ['video/x-matroska', bytes('\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska')],
    ['application/gzip', bytes('\x1f\x8b\x08\0\0\0\0\0')],
    ['font/woff2', bytes('wOF2\0\x01\0\0\0\0')],
    ['application/octet-stream', bytes('\0\x01\x02\x03\x04nothing')],
    ['application/octet-stream', bytes('')],
  ])('%s', async (contentType, head) => expect(await of(head)).toBe(contentType));

  it('believes the bytes, not the name or the sender', async () => {
    expect(await of(jpeg, 'x.html', 'text/html')).toBe('image/jpeg');
    expect(await of(jpeg, 'x.png', 'image/png')).toBe('image/jpeg');
    expect(await of(bytes('\0\x01<script>'), 'x.html', 'text/html')).toBe(
      'application/octet-stream',
    );
    expect(await of(bytes('BMW and other brands')), 'text that begins like a bitmap').toBe(
      'text/plain',
    );
  });

  it('takes a harmless declared type, or the name, when the bytes tell nothing', async () => {
    const head = bytes('\0\x01\x02\x03 unknown');
    expect(await of(head, 'x', 'image/x-tga')).toBe('image/x-tga');
    expect(await of(head, 'x.sqlite', 'application/octet-stream')).toBe('application/x-sqlite3');
    expect(await of(head, 'x', 'application/xhtml+xml')).toBe('application/octet-stream');
    expect(await of(head, 'x', 'no type\r\nX: y')).toBe('application/octet-stream');
  });

  it('lets the name choose what a container holds', async () => {
    const zip = bytes('PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0a.txt');
    expect(await of(zip, 'a.zip')).toBe('application/zip');
    expect(await of(zip, 'a.docx')).toBe(
      'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    );
    expect(await of(zip, 'a.html', 'image/svg+xml')).toBe('application/zip');
    expect(await of(ftyp('isom'), 'a.m4a')).toBe('audio/mp4');
    expect(await of(ftyp('3gp4', 'isom'), 'a.mp4', 'video/mp4')).toBe('video/mp4');
    expect(await of(bytes('here move freely'), 'a.txt')).toBe('text/plain');
    expect(await of(ftyp('isom'), 'a.png', 'text/html')).toBe('video/mp4');
  });
});

describe('sniff of text', () => {
  it.each([
    ['text/html', '<!DOCTYPE html><p>x'],
    ['text/html', '\xef\xbb\xbf \r\n<HTML>'],
    ['text/html', '<!-- a --><!-- b -->\n<script>alert(1)</script>'],
    ['text/html', '<iframe src=x>'],
    ['text/html', '<h1>title</h1>'],
    ['text/html', '<?php echo 1 ?><b>'],
    ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
    [
      'image/svg+xml',
      '<?xml version="1.0"?>\n<!-- by x -->\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd">\n<svg>',
    ],
    [
      'image/svg+xml',
      '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><s:svg xmlns:s="http://www.w3.org/2000/svg">',
    ],
    ['application/xhtml+xml', '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">'],
    ['application/xml', '<?xml version="1.0"?><rss/>'],
    ['application/xml', '<feed xmlns="http://www.w3.org/2005/Atom">'],
    ['text/plain', 'hello'],
    ['text/plain', 'a < b'],
    ['text/plain', '<3 you'],
    ['text/plain', '<someone@example.org> wrote'],
    ['text/plain', 'Gr\xfc\xdfe aus dem Jahre latin1'],
    ['application/rtf', '{\\rtf1\\ansi'],
  ])('%s: %s', async (contentType, text) => expect(await of(bytes(text))).toBe(contentType));

  it('reads UTF-16', async () => {
    const utf16 = Buffer.from('\ufeff<html><script>', 'utf16le');
    expect(await of(utf16, 'a.txt', 'text/plain')).toBe('text/html');
    expect(await of(Buffer.from(utf16).swap16(), 'a.txt')).toBe('text/html');
    expect(await of(Buffer.from('\ufeffplain', 'utf16le'))).toBe('text/plain');
  });

  it.each([
    ['text/markdown', '<p align="center">logo</p>', 'README.md', undefined],
    ['text/markdown', '<!-- toc -->\n# x', 'README.md', undefined],
    ['text/html', '<script>x</script>', 'README.md', 'text/markdown'],
    ['text/csv', 'a,b\n1,2', 'x.csv', 'application/vnd.ms-excel'],
    ['application/json', '{"a":1}', 'x.json', undefined],
    ['text/plain', '{"a":1}', 'x', undefined],
    ['text/css', 'a{}', 'x.css', 'text/css'],
    ['text/javascript', 'alert(1)', 'x.js', undefined],
    ['text/javascript', 'alert(1)', 'x.txt', 'application/x-javascript'],
    ['text/html', 'no tags here', 'x.html', undefined],
    ['text/html', 'no tags here', 'x', 'text/html; charset=utf-8'],
    ['message/rfc822', 'From: a\n\nb', 'x.eml', undefined],
    ['text/plain', 'const a = <T>(x: T) => x', 'x.mts', 'video/mp2t'],
    ['text/csv', 'a;b', 'x.csv', 'application/vnd.ms-excel'],
    ['text/plain', 'not a picture', 'x.svg', 'image/svg+xml'],
    ['image/svg+xml', '<svg onload=alert(1)>', 'x.png', 'image/png'],
    ['text/plain', 'const a: number = 1', 'x.ts', 'video/mp2t'],
  ])('%s: %s as %s, %s', async (contentType, text, filename, declared) =>
    expect(await of(bytes(text), filename, declared)).toBe(contentType),
  );
});

describe('bytes of no known kind', () => {
  const noise = bytes('\0\x01\x02\x03 unknown');
  const inert = [
    ...[
      'jpeg',
      'png',
      'gif',
      'webp',
      'avif',
      'heic',
      'heif',
      'bmp',
      'tiff',
      'x-icon',
      'x-tga',
      'vnd.adobe.photoshop',
    ].map((type) => `image/${type}`),
    ...['mp4', 'quicktime', 'webm', 'x-matroska', 'x-msvideo', 'x-flv', 'mp2t', '3gpp'].map(
      (type) => `video/${type}`,
    ),
    ...['mpeg', 'mp4', 'ogg', 'wav', 'flac', 'aac', 'x-mpegurl'].map((type) => `audio/${type}`),
    ...[
      'pdf',
      'zip',
      'gzip',
      'x-7z-compressed',
      'x-rar-compressed',
      'epub+zip',
      'wasm',
      'msword',
      'x-tar',
    ].map((type) => `application/${type}`),
    ...[
      'vnd.apple.mpegurl',
      'x-subrip',
      'json',
      'yaml',
      'vnd.openxmlformats-officedocument.wordprocessingml.document',
    ].map((type) => `application/${type}`),
    ...[
      'text/plain',
      'text/csv',
      'text/markdown',
      'text/css',
      'text/vtt',
      'text/x-python',
      'font/woff2',
      'font/ttf',
      'model/gltf-binary',
    ],
  ];

  it.each(inert)('are %s when the sender says so', async (declared) => {
    for (const head of [noise, bytes('hello'), bytes('fake'), bytes('')]) {
      for (const filename of ['x', 'x.dat', 'file']) {
        const sniffed = await sniff(head, { filename, declared });
        expect(sniffed).toMatchObject({ contentType: declared, active: false });
        expect(sniffed.detected).toBe(
          head.length > 0 && head !== noise ? 'text/plain' : 'application/octet-stream',
        );
      }
    }
  });

  it('are what the name says when the sender says nothing', async () => {
    for (const declared of [undefined, '', 'application/octet-stream', 'nonsense']) {
      expect(await of(bytes('hello'), 'x.png', declared)).toBe('image/png');
      expect(await of(noise, 'x.mp4', declared)).toBe('video/mp4');
      expect(await of(noise, 'x.html', declared)).toBe('application/octet-stream');
      expect(await of(noise, 'x.svg', declared)).toBe('application/octet-stream');
      expect(await of(bytes('hello'), 'x', declared)).toBe('text/plain');
    }
  });

  it.each([
    ...[
      'text/html',
      'application/xhtml+xml',
      'image/svg+xml',
      'application/xml',
      'text/xml',
      'text/javascript',
      'application/x-ecmascript',
    ],
    ...[
      'multipart/related',
      'multipart/x-mixed-replace',
      'message/rfc822',
      'application/x-shockwave-flash',
      'application/hta',
    ],
    ...[
      'application/dash+xml',
      'application/ttml+xml',
      'application/x-unheard-of',
      'text/x-unheard-of',
      'x/y',
    ],
  ])('are nothing when the sender says %s', async (declared) => {
    expect(await of(noise, 'x', declared)).toBe('application/octet-stream');
  });

  it('are not believed to hold markup that is something else', async () => {
    for (const declared of [
      'image/jpeg',
      'video/mp4',
      'application/pdf',
      'audio/x-mpegurl',
      'application/json',
    ]) {
      expect(await of(bytes('<script>alert(1)</script>'), 'x', declared)).toBe('text/html');
      expect(await of(bytes('<?xml version="1.0"?><a/>'), 'x', declared)).toBe('application/xml');
      expect(await of(bytes('<svg onload=alert(1)>'), 'x', declared)).toBe('image/svg+xml');
    }
    expect(await of(bytes('<b>hm</b>'), 'x', 'image/jpeg')).toBe('text/html');
  });
});

describe('playlists and captions', () => {
  const mpd =
    '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:xlink="http://www.w3.org/1999/xlink">';
  const ttml = '<tt xml:lang="en" xmlns="http://www.w3.org/ns/ttml"><body/></tt>';
  const srt = '1\n00:00:01,000 --> 00:00:02,000\nhi\n';

  it.each([
    ['application/vnd.apple.mpegurl', '#EXTM3U\n#EXT-X-VERSION:3\n', 'x.m3u8'],
    ['application/vnd.apple.mpegurl', '#EXTM3U\n#EXT-X-VERSION:3\n', 'x'],
    ['audio/x-mpegurl', '#EXTM3U\na.mp3\n', 'x.m3u'],
    ['audio/x-scpls', '[playlist]\nFile1=a.mp3\n', 'x.pls'],
    ['application/dash+xml', mpd, 'x.mpd'],
    ['application/dash+xml', mpd, 'x'],
    ['application/ttml+xml', ttml, 'x.ttml'],
    ['application/ttml+xml', `<?xml version="1.0"?><!-- a -->${ttml}`, 'x.dfxp'],
    [
      'application/xspf+xml',
      '<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/">',
      'x.xspf',
    ],
    ['text/vtt', 'WEBVTT\n\n00:01.000 --> 00:02.000\nhi', 'x.vtt'],
    ['text/vtt', 'WEBVTT\n\n00:01.000 --> 00:02.000\nhi', 'x'],
    ['application/x-subrip', srt, 'x.srt'],
    ['text/x-ssa', '[Script Info]\nTitle: x', 'x.ass'],
    ['text/x-lrc', '[00:01.00]la', 'x.lrc'],
    ['model/gltf+json', '{"asset":{}}', 'x.gltf'],
    ['application/manifest+json', '{"name":"x"}', 'x.webmanifest'],
  ])('%s: %j as %s', async (contentType, text, filename) => {
    for (const declared of [
      undefined,
      'application/octet-stream',
      contentType,
      ...(filename === 'x' || /json/.test(contentType) ? [] : ['text/plain']),
    ]) {
      expect(await sniff(bytes(text), { filename, declared }), declared).toMatchObject({
        contentType,
        active: false,
      });
    }
  });

  it.each([
    ['a page', '<!DOCTYPE html><script>1</script>', 'x.m3u8', 'text/html'],
    [
      'a page in XML',
      '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">',
      'x.mpd',
      'application/xhtml+xml',
    ],
    ['a root of no such kind', '<?xml version="1.0"?><MPD/>', 'x.mpd', 'application/xml'],
    [
      'a script inside',
      `${mpd}<x:script xmlns:x="http://www.w3.org/1999/xhtml">`,
      'x.mpd',
      'application/xml',
    ],
    [
      'a script in disguise',
      `${mpd}<x:script xmlns:x = 'http://www.w3.org/1&#57;99/xhtml'>`,
      'x.mpd',
      'application/xml',
    ],
    [
      'a drawing in disguise',
      `${mpd}<svg xmlns="http:&#x2f;/www.w3.org/2000/svg">`,
      'x.mpd',
      'application/xml',
    ],
    ['a stylesheet', `<?xml-stylesheet href="x.xsl"?>${ttml}`, 'x.ttml', 'application/xml'],
    ['a root without a name space', '<MPD><script>', 'x.mpd', 'text/plain'],
    ['entities', `<!DOCTYPE tt [<!ENTITY a "b">]>${ttml}`, 'x.ttml', 'text/html'],
  ])('%s is none', async (_, text, filename, contentType) => {
    for (const declared of [undefined, 'application/dash+xml', 'application/ttml+xml']) {
      expect(await of(bytes(text), filename, declared)).toBe(contentType);
    }
  });
});

describe('a PDF with something in front', () => {
  const pdf = '%PDF-1.4\n1 0 obj\n';
  it.each([
    ['zeros', `${'\0'.repeat(900)}${pdf}`],
    ['bytes', `\xf3\x80\x01junk\0${pdf}`],
    ['printer commands', `\x1b%-12345X@PJL\r\n\0${pdf}`],
    ['more than a KiB', `${'\0'.repeat(5000)}${pdf}`],
  ])('is known: %s', async (_, text) => {
    expect(await sniff(bytes(text), { filename: 'x', declared: undefined })).toMatchObject({
      detected: 'application/pdf',
    });
  });

  it.each([
    ['a warning of a script', '<br />\n<b>Warning</b>: x in <b>y.php</b>'],
    ['a page', '<!DOCTYPE html><html>'],
    ['headers', 'HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n'],
    ['a byte order mark', '\xef\xbb\xbf'],
    ['line ends', '\r\n\r\n'],
    ['much', ' '.repeat(20_000)],
  ])('is known by its name or type: %s', async (_, junk) => {
    expect(await of(bytes(junk + pdf), 'x.pdf')).toBe('application/pdf');
    expect(await of(bytes(junk + pdf), 'x', 'application/pdf')).toBe('application/pdf');
  });

  it('is not what quotes or holds one', async () => {
    expect(await of(bytes(`A PDF begins with\n${pdf}`), 'pdf.md')).toBe('text/markdown');
    expect(await of(bytes(`A PDF begins with\n${pdf}`), 'x')).toBe('text/plain');
    expect(await of(bytes(`<!DOCTYPE html><pre>${pdf}`), 'x.html')).toBe('text/html');
    expect(
      await of(
        bytes(`PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0\x20\0\0\0\x05\0\0\0a.pdf${pdf}`),
        'x.zip',
      ),
    ).toBe('application/zip');
  });
});

describe('active', () => {
  it.each([
    ['<svg/>', true],
    ['<script>', true],
    ['<?xml version="1.0"?><a/>', true],
    ['would be harmless as text/plain', true],
    ['GIF89a\x01\0/*<script>alert(1)</script>*/', false],
    ['\xff\xd8\xff\xe0<html><script>alert(1)</script>', false],
    ['\x89PNG\r\n\x1a\n<?php system($_GET[0]); ?>', false],
    ['PK\x03\x04<script>', false],
  ])('of %j, called HTML: %s', async (text, active) => {
    expect((await sniff(bytes(text), { filename: 'x.html', declared: 'text/html' })).active).toBe(
      active,
    );
  });

  it('never follows from the name or the sender for bytes that are not text', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 64 }),
        fc.constantFrom('x.html', 'x.svg', 'x.js', 'x.xml', 'x.mht', ''),
        fc.constantFrom(
          'text/html',
          'image/svg+xml',
          'text/javascript',
          'application/atom+xml',
          undefined,
        ),
        async (noise, filename, declared) => {
          const sniffed = await sniff(Buffer.concat([Uint8Array.of(0), noise]), {
            filename,
            declared,
          });
          expect(sniffed.active).toBe(false);
          expect(sniffed.contentType).toMatch(/^[a-z0-9]+\/[a-z0-9.+-]+$/);
        },
      ),
    );
  });
});
