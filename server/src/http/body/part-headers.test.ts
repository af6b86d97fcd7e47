import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayName } from '../../core/naming/file-id.ts';
import { parsePartHeaders } from './part-headers.ts';

/** The name that the person saw, from the bytes of a Content-Disposition. */
const seen = (disposition: string, encoding: BufferEncoding = 'utf8') => {
  const { name, filename } = parsePartHeaders(
    Buffer.from(`Content-Disposition: ${disposition}`, encoding),
  );
  return { name, seen: filename === undefined ? undefined : displayName(filename) };
};

// Headers that these clients write for one file each, taken from their sources: client, header, and
// the name that its user chose.
const clients: readonly (readonly [string, string, string])[] = [
  ['curl', 'form-data; name="file"; filename="图 1.png"', '图 1.png'],
  ['curl 7.81 and later, a quote', 'form-data; name="file"; filename="a%22b.png"', 'a"b.png'],
  [
    'curl before 7.81, a quote and a backslash',
    String.raw`form-data; name="file"; filename="a\"b\\c.png"`,
    'a"b\\c.png',
  ],
  ['Chrome, Firefox, Safari', 'form-data; name="file"; filename="图 1.png"', '图 1.png'],
  [
    'browsers, a quote and a line end',
    'form-data; name="file"; filename="a%22b%0D%0Ac.png"',
    'a"b\r\nc.png',
  ],
  ['browsers, a semicolon', 'form-data; name="file"; filename="a; b.png"', 'a; b.png'],
  [
    'Internet Explorer',
    String.raw`form-data; name="file"; filename="C:\Users\jo\shot.png"`,
    'shot.png',
  ],
  ['Safari, a name from macOS', 'form-data; name="file"; filename="Zoe\u0308.png"', 'Zo\u00eb.png'],
  [
    'requests on urllib3 1.24 and before',
    'form-data; name="file"; filename*=utf-8\'\'%E5%9B%BE%201.png',
    '图 1.png',
  ],
  ['requests on urllib3 1.25 and later', 'form-data; name="file"; filename="图 1.png"', '图 1.png'],
  [
    'urllib3 1.25, a backslash',
    String.raw`form-data; name="file"; filename="a\\b.png"`,
    'a\\b.png',
  ],
  ['httpx', 'form-data; name="file"; filename="a%22图.png"', 'a"图.png'],
  ['aiohttp', 'form-data; name="file"; filename="%E5%9B%BE%201.png"', '图 1.png'],
  [
    'aiohttp without quoted fields',
    'form-data; name="file"; filename*=utf-8\'\'%E5%9B%BE.png',
    '图.png',
  ],
  ['Go mime/multipart', String.raw`form-data; name="file"; filename="a\"b\\图.png"`, 'a"b\\图.png'],
  ['Go, FormatMediaType', "form-data; filename*=utf-8''%E5%9B%BE.png; name=file", '图.png'],
  ['OkHttp, Retrofit', 'form-data; name="file"; filename="图%221.png"', '图"1.png'],
  ['Apache HttpClient 4, RFC 6532', 'form-data; name="file"; filename="图.png"', '图.png'],
  [
    'Apache HttpClient 5, percent-encoded',
    'form-data; name="file"; filename="%E5%9B%BE%201.png"',
    '图 1.png',
  ],
  [
    'Apache HttpClient 5, extended',
    'form-data; name="file"; filename="?.png"; filename*="UTF-8\'\'%E5%9B%BE.png"',
    '图.png',
  ],
  ['Java HttpURLConnection by hand', 'form-data; name="file";filename="图.png"', '图.png'],
  [
    'Spring RestTemplate',
    'form-data; name="file"; filename="=?UTF-8?Q?=E5=9B=BE_1.png?="; filename*=UTF-8\'\'%E5%9B%BE%201.png',
    '图 1.png',
  ],
  [
    'Spring, encoded word alone',
    'form-data; name="file"; filename="=?UTF-8?Q?=E5=9B=BE_1.png?="',
    '图 1.png',
  ],
  [
    '.NET HttpClient',
    "form-data; name=file; filename=photo.png; filename*=utf-8''photo.png",
    'photo.png',
  ],
  [
    '.NET HttpClient, not ASCII',
    'form-data; name=file; filename="=?utf-8?B?5Zu+LnBuZw==?="; filename*=utf-8\'\'%E5%9B%BE.png',
    '图.png',
  ],
  [
    'PowerShell Invoke-RestMethod -Form',
    'form-data; name=file; filename="=?utf-8?B?5Zu+LnBuZw==?="',
    '图.png',
  ],
  [
    'RestSharp',
    'form-data; name="file"; filename="图.png"; filename*=UTF-8\'\'%E5%9B%BE.png',
    '图.png',
  ],
  ['ShareX', 'form-data; name="file"; filename="图.png"', '图.png'],
  ['Dart http, Dio', 'form-data; name="file"; filename="图%22.png"', '图".png'],
  [
    'Flutter, a whole path',
    'form-data; name="file"; filename="/data/user/0/app.x/cache/shot.png"',
    'shot.png',
  ],
  ['Postman', 'form-data; name="file"; filename="图.png"', '图.png'],
  [
    'Postman before version 10',
    'form-data; name="file"; filename*=UTF-8\'\'%E5%9B%BE.png; filename="图.png"',
    '图.png',
  ],
  ['Insomnia, node form-data', 'form-data; name="file"; filename="图 1.png"', '图 1.png'],
  ['superagent, axios', 'form-data; name="file"; filename="a"b.png"', 'a"b.png'],
  ['PHP cURLFile, Guzzle', 'form-data; name="file"; filename="图.png"', '图.png'],
  [
    'Symfony, a long name',
    "form-data; name=file; filename*0*=utf-8''%E5%9B; filename*1*=%BE%201; filename*2=.png",
    '图 1.png',
  ],
  ['Ruby net/http', String.raw`form-data; name="file"; filename="a\"b.png"`, 'a"b.png'],
  ['Ruby rest-client, Faraday', 'form-data; name="file"; filename="图.png"', '图.png'],
  [
    'Perl HTTP::Request::Common',
    String.raw`form-data; name="file"; filename="a\"b.png"`,
    'a"b.png',
  ],
  ['Rust reqwest', 'form-data; name="file"; filename*=utf-8\'\'%E5%9B%BE.png', '图.png'],
  [
    'iOS URLSession by hand, Alamofire',
    'form-data; name="file"; filename="my "best" 图.png"',
    'my "best" 图.png',
  ],
  ['iOS Shortcuts', 'form-data; name="file"; filename="IMG_0001.HEIC"', 'IMG_0001.HEIC'],
  ['PicGo', 'form-data; name="file"; filename="图 1.png"', '图 1.png'],
  ['Typora on Windows', String.raw`form-data; name="file"; filename="D:\dh\shot.png"`, 'shot.png'],
  [
    'Obsidian',
    'form-data; name="file"; filename="Pasted image 20250101120000.png"',
    'Pasted image 20250101120000.png',
  ],
];

describe('the file name of', () => {
  it.each(clients)('%s', (_, disposition, name) =>
    expect(seen(disposition)).toEqual({ name: 'file', seen: name }),
  );
});

const forms: readonly (readonly [string, string, string])[] = [
  ['an extended name that is empty', "name=file; filename*=utf-8''; filename=b.png", 'b.png'],
  ['a plain name that is empty', 'name=file; filename=""; filename*0=b; filename*1=.png', 'b.png'],
  ['an unknown charset', "name=file; filename*=klingon''a.png; filename=b.png", 'b.png'],
  [
    'bytes that are not in the charset',
    'name=file; filename*=utf-8\'\'%ff%fe.png; filename="b.png"',
    'b.png',
  ],
  ['Latin-1, extended', "name=file; filename*=iso-8859-1'fr'caf%e9.png", 'café.png'],
  ['GB18030, extended', "name=file; filename*=gb18030''%CD%BC.png", '图.png'],
  ['raw UTF-8, extended', "name=file; filename*=UTF-8''图.png", '图.png'],
  ['an extended value without a charset', 'name=file; filename*=photo.png', 'photo.png'],
  [
    'two encoded words',
    'name=file; filename="=?utf-8?Q?=E5=9B=BE?= =?utf-8?B?LnBuZw==?="',
    '图.png',
  ],
  ['an encoded word in Shift_JIS', 'name=file; filename="=?shift_jis?B?kH0ucG5n?="', '図.png'],
  [
    'an encoded word with a language',
    'name=file; filename="=?utf-8*zh?B?5Zu+LnBuZw==?="',
    '图.png',
  ],
  ['an encoded word in a token', 'name=file; filename==?utf-8?B?5Zu+LnBuZw==?=', '图.png'],
  [
    'an encoded word in an unknown charset',
    'name=file; filename="=?klingon?Q?a?=.png"',
    '=?klingon?Q?a?=.png',
  ],
  ['plain pieces', 'name=file; filename*0="very lo"; filename*1="ng.png"', 'very long.png'],
  ['pieces out of order', "name=file; filename*1*=%BE.png; filename*0*=utf-8''%E5%9B", '图.png'],
  ['pieces with a hole', 'name=file; filename*0="a.png"; filename*2="lost"', 'a.png'],
  ['a token with blanks and brackets', 'name=file; filename=my photo (1).png', 'my photo (1).png'],
  ['a token with a semicolon', 'name=file; filename=a;b.png', 'a;b.png'],
  ['a token before another parameter', 'filename=a b.png ; name=file', 'a b.png'],
  ['a semicolon at the end', 'name=file; filename=a.png;', 'a.png'],
  ['blanks around the sign', 'name = "file" ; filename = "a.png"', 'a.png'],
  ['upper-case names', 'NAME="file"; FILENAME="a.png"', 'a.png'],
  ['a quote that never closes', 'name=file; filename="a.png', 'a.png'],
  ['a name twice', 'name=file; filename="a.png"; filename="b.png"', 'a.png'],
  ['a UNC path', String.raw`name=file; filename="\\nas\share\shot.png"`, 'shot.png'],
  ['a relative folder', 'name=file; filename="trip/day 1/sea.jpg"', 'sea.jpg'],
  ['a percent sign', 'name=file; filename="100%.png"', '100%.png'],
  ['nothing', 'name=file; filename=""', 'file'],
];

describe('a file name with', () => {
  it.each(forms)('%s', (_, parameters, name) =>
    expect(seen(`form-data; ${parameters}`)).toEqual({ name: 'file', seen: name }),
  );

  it('Latin-1 bytes', () =>
    expect(seen('form-data; name="file"; filename="caf\xe9.png"', 'latin1').seen).toBe('café.png'));

  it('folded lines', () =>
    expect(seen('form-data; name="file";\r\n filename="a.png"')).toEqual({
      name: 'file',
      seen: 'a.png',
    }));

  it('one of 16 KiB is read in no time', () => {
    const started = performance.now();
    for (const text of ['\\', '"', '" ;', ';', ';a', '; ', '=?a?b?', "*0*=''", ' ', '/', '%E5']) {
      for (const quote of ['"', '']) {
        seen(`form-data; filename=${quote}${text.repeat(8000)}x`);
      }
    }
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe('any name', () => {
  // What no name in a header can hold, and what the standards read as something else.
  const anyName = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
    .filter((name) => name.trim() === name && !/[\p{Cc}\u2028\u2029]|=\?|^\ufeff/u.test(name));
  const filenameOf = (parameter: string) =>
    parsePartHeaders(Buffer.from(`Content-Disposition: form-data; name="file"; ${parameter}`))
      .filename;

  it('that a browser writes is read back', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        const plain = name.replaceAll(/[\\%]/g, '_');
        expect(filenameOf(`filename="${plain.replaceAll('"', '%22')}"`)).toBe(plain);
      }),
    );
  });

  it('that is written as RFC 8187 or as RFC 2231 pieces is read back', () => {
    fc.assert(
      fc.property(anyName, fc.integer({ min: 1, max: 20 }), (name, length) => {
        const encoded = encodeURIComponent(name).replaceAll("'", '%27');
        expect(filenameOf(`filename="x"; filename*=UTF-8''${encoded}`)).toBe(name);
        const pieces = encoded.match(new RegExp(`(?:%[0-9A-F]{2}|[^%]){1,${length}}`, 'g')) ?? [];
        const written = pieces.map(
          (piece, at) => `filename*${at}*=${at === 0 ? "utf-8''" : ''}${piece}`,
        );
        expect(filenameOf(written.toReversed().join('; '))).toBe(name);
      }),
    );
  });

  it('that is written as RFC 2047 is read back', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        expect(filenameOf(`filename="=?UTF-8?B?${Buffer.from(name).toString('base64')}?="`)).toBe(
          name,
        );
        const quoted = [...Buffer.from(name)]
          .map((byte) => `=${byte.toString(16).padStart(2, '0')}`)
          .join('');
        expect(filenameOf(`filename="=?utf-8?q?${quoted}?="`)).toBe(name);
      }),
    );
  });

  it('and any bytes at all are read without a fault', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        (bytes) => void parsePartHeaders(Buffer.from(bytes)),
      ),
    );
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => void filenameOf(text)));
  });
});
