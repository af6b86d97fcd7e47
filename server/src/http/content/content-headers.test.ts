import { validateHeaderValue } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentDisposition, contentHeaders } from './content-headers.ts';

const headersOf = (filename: string, contentType: string) =>
  contentHeaders({ filename, contentType, cacheControl: 'no-store' });

describe('contentHeaders', () => {
  it.each([
    ['image/png', 'image/png', 'inline'],
    ['image/jpg', 'image/jpeg', 'inline'],
    ['video/mp4', 'video/mp4', 'inline'],
    ['audio/mpeg', 'audio/mpeg', 'inline'],
    ['text/plain', 'text/plain', 'inline'],
    ['text/plain; charset=utf-8', 'text/plain; charset=utf-8', 'inline'],
    ['text/plain; charset=utf-7', 'text/plain', 'inline'],
    ['text/plain; charset=ISO-2022-JP', 'text/plain', 'inline'],
    ['image/png; charset=gbk', 'image/png', 'inline'],
    ['text/html; charset=gbk', 'text/plain; charset=gbk', 'attachment'],
    ['text/markdown; charset=gbk', 'text/markdown; charset=gbk', 'inline'],
    ['application/json; charset=utf-8', 'application/json; charset=utf-8', 'inline'],
    ['image/svg+xml', 'image/svg+xml', 'attachment'],
    ['application/pdf', 'application/pdf', 'attachment'],
    ['application/zip', 'application/zip', 'attachment'],
    ['application/octet-stream', 'application/octet-stream', 'attachment'],
    ['text/html', 'text/plain', 'attachment'],
    ['TEXT/HTML; charset=utf-7', 'text/plain', 'attachment'],
    ['application/xhtml+xml', 'text/plain', 'attachment'],
    ['text/xml', 'text/plain', 'attachment'],
    ['application/atom+xml', 'text/plain', 'attachment'],
    ['application/javascript', 'text/plain', 'attachment'],
    ...[
      ...[
        'application/javascript',
        'application/x-javascript',
        'application/ecmascript',
        'application/x-ecmascript',
      ],
      ...[
        'text/javascript',
        'text/x-javascript',
        'text/ecmascript',
        'text/x-ecmascript',
        'text/jscript',
        'text/livescript',
      ],
      ...[0, 1, 2, 3, 4, 5].map((minor) => `text/javascript1.${minor}`),
      ...[
        'application/rss+xml',
        'application/mathml+xml',
        'application/xslt+xml',
        'text/xsl',
        'application/rdf+xml',
      ],
      ...[
        'multipart/x-mixed-replace; boundary=x',
        'multipart/related',
        'application/x-mimearchive',
        'application/hta',
      ],
      ...['application/x-shockwave-flash', 'text/x-component'],
    ].map((type): [string, string, string] => [type, 'text/plain', 'attachment']),
    ['application/x-unheard-of', 'application/octet-stream', 'attachment'],
    ['text/x-unheard-of', 'application/octet-stream', 'attachment'],
    ['x-conference/x-cooltalk', 'application/octet-stream', 'attachment'],
    ['application/vnd.apple.mpegurl', 'application/vnd.apple.mpegurl', 'attachment'],
    ['application/x-mpegURL', 'application/vnd.apple.mpegurl', 'attachment'],
    ['application/dash+xml', 'application/dash+xml', 'attachment'],
    ['application/ttml+xml', 'application/ttml+xml', 'attachment'],
    ['audio/x-mpegurl', 'audio/x-mpegurl', 'inline'],
    ['message/rfc822', 'text/plain', 'attachment'],
    ['nonsense\r\nX: y', 'application/octet-stream', 'attachment'],
    ['', 'application/octet-stream', 'attachment'],
  ])('%j goes out as %s, %s', (contentType, served, disposition) => {
    const headers = headersOf('x', contentType);
    expect(headers['Content-Type']).toBe(served);
    expect(headers['Content-Disposition']).toBe(`${disposition}; filename="x"`);
    expect(headers['X-Content-Type-Options']).toBe('nosniff');
    expect(headers['Content-Security-Policy']).toMatch(/^default-src 'none';.*; sandbox$/);
    expect(headers['Content-Security-Policy']).not.toMatch(/script|allow-|https?:|\*/);
  });

  it('lets pictures and videos load themselves, SVG nothing', () => {
    expect(headersOf('x', 'video/mp4')['Content-Security-Policy']).toContain("media-src 'self'");
    expect(headersOf('x', 'image/svg+xml')['Content-Security-Policy']).not.toContain("'self'");
  });

  it('saves on demand, and is kept as long as told', () => {
    const headers = contentHeaders({
      filename: 'x.png',
      contentType: 'image/png',
      download: true,
      cacheControl: 'private',
    });
    expect(headers).toMatchObject({
      'Content-Disposition': 'attachment; filename="x.png"',
      'Cache-Control': 'private',
    });
  });

  it('has valid values for any name and type', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('\r\nSet-Cookie: a=b', '"; x="', '\ud800'),
    );
    fc.assert(
      fc.property(text, text, (filename, contentType) => {
        const headers = headersOf(filename, contentType);
        for (const [name, value] of Object.entries(headers)) {
          validateHeaderValue(name, value);
          expect(value).toMatch(/^[\x20-\x7e]+$/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('contentDisposition', () => {
  it.each([
    ['photo.jpg', 'filename="photo.jpg"'],
    ['a b(1).jpg', 'filename="a b(1).jpg"'],
    ['日本.png', 'filename="__.png"; filename*=UTF-8\'\'%E6%97%A5%E6%9C%AC.png'],
    ['say "hi".txt', 'filename="say _hi_.txt"; filename*=UTF-8\'\'say%20%22hi%22.txt'],
    [
      "it's (100%)*.txt",
      "filename=\"it's (100_)*.txt\"; filename*=UTF-8''it%27s%20%28100%25%29%2A.txt",
    ],
    ['a\r\nSet-Cookie: x', 'filename="aSet-Cookie: x"'],
    ['../../etc/passwd', 'filename="passwd"'],
    ['C:\\dir\\x.txt', 'filename="x.txt"'],
    ['gnp.\u202eexe', 'filename="gnp.exe"'],
    ['\ud83d.png', 'filename=".png"'],
    ['', 'filename="file"'],
    ['dir/', 'filename="file"'],
  ])('%j', (filename, parameters) =>
    expect(contentDisposition('attachment', filename)).toBe(`attachment; ${parameters}`),
  );

  it('bounds the name', () => {
    expect(contentDisposition('inline', 'é'.repeat(10_000)).length).toBeLessThan(1200);
  });
});
