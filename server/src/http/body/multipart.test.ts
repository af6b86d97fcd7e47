import { Readable } from 'node:stream';
import busboy from 'busboy';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundaryOf, type MultipartOptions, parseMultipart } from './multipart.ts';

interface SeenPart {
  readonly name: string;
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
  readonly content: string;
}

async function parse(
  chunks: readonly Uint8Array[],
  options: MultipartOptions = {},
): Promise<SeenPart[]> {
  const seen: SeenPart[] = [];
  for await (const part of parseMultipart(Readable.from(chunks), options)) {
    const content: Uint8Array[] = [];
    for await (const slice of part.body) {
      expect(slice.length).toBeGreaterThan(0);
      content.push(slice);
    }
    const { name, filename, contentType } = part;
    seen.push({ name, filename, contentType, content: Buffer.concat(content).toString('latin1') });
  }
  return seen;
}

const text = (...lines: string[]) => [Buffer.from(lines.join('\r\n'), 'utf8')];
const one = async (disposition: string) => {
  const [part] = await parse(
    text('--b', `Content-Disposition: form-data; ${disposition}`, '', 'x', '--b--'),
    { boundary: 'b' },
  );
  return part;
};

/** Cuts `bytes` at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort(
    (a, b) => a - b,
  );
  return [0, ...sorted]
    .map((from, i) => bytes.subarray(from, sorted[i]))
    .filter((chunk) => chunk.length > 0);
}

describe('parseMultipart', () => {
  it('reads fields and files in order', async () => {
    const body = text(
      'preamble',
      '--b',
      'Content-Disposition: form-data; name="a"',
      '',
      '1',
      '--b',
      'content-disposition: form-data; name="file"; filename="p.png"',
      'CONTENT-TYPE: image/png',
      '',
      'line\r\n--bogus\r\n',
      '--b--',
      'epilogue',
    );
    expect(await parse(body, { boundary: 'b' })).toEqual([
      { name: 'a', filename: undefined, contentType: undefined, content: '1' },
      { name: 'file', filename: 'p.png', contentType: 'image/png', content: 'line\r\n--bogus\r\n' },
    ]);
  });

  it('takes the boundary from the first line when the Content-Type has none', async () => {
    const body = text(
      '--odd boundary',
      'Content-Disposition: form-data; name=a',
      '',
      '1',
      '--odd boundary--',
    );
    expect(await parse(body)).toMatchObject([{ name: 'a', content: '1' }]);
  });

  it('reads an empty form, empty parts, parts without headers and padded boundaries', async () => {
    expect(await parse(text('--b--', ''), { boundary: 'b' })).toEqual([]);
    expect(await parse(text('--b--', ''))).toEqual([]);
    const body = text(
      '--b  ',
      '',
      'x',
      '--b\t',
      'Content-Disposition: form-data; name=e',
      '',
      '',
      '--b--',
    );
    expect(await parse(body, { boundary: 'b' })).toMatchObject([
      { name: '', content: 'x' },
      { name: 'e', content: '' },
    ]);
  });

  it('accepts bare LF when the form is written so, without touching CRLF in the content', async () => {
    const body = [
      Buffer.from('--b\nContent-Disposition: form-data; name=a\n\n1\r\n2\n--b\n\n\n--b--\n'),
    ];
    expect(await parse(body, { boundary: 'b' })).toMatchObject([
      { name: 'a', content: '1\r\n2' },
      { content: '' },
    ]);
  });

  it('skips what the caller does not read', async () => {
    const names: string[] = [];
    const body = text(
      '--b',
      'Content-Disposition: form-data; name=a',
      '',
      'long',
      '--b',
      'Content-Disposition: form-data; name=b',
      '',
      'x',
      '--b--',
    );
    for await (const part of parseMultipart(Readable.from(body), { boundary: 'b' })) {
      names.push(part.name);
      for await (const _ of part.body) {
        break;
      }
    }
    expect(names).toEqual(['a', 'b']);
  });

  it('gives nothing to a reader that comes too late', async () => {
    const body = text('--b', '', 'first', '--b', '', 'second', '--b--');
    const parts = parseMultipart(Readable.from(body), { boundary: 'b' });
    const late = (await parts.next()).value?.body[Symbol.asyncIterator]();
    await parts.next();
    await expect(late?.next()).rejects.toMatchObject({ code: 'internal_error' });
  });

  it.each([
    ['name="f"; filename="a;b=\\"c\\".txt"', 'a;b="c".txt'],
    ['name="f"; filename="C:\\dir\\x.png"', 'C:\\dir\\x.png'],
    ['name="f"; filename="q%22uote%0D%0A100%25.png"', 'q"uote\r\n100%25.png'],
    ['name="f"; filename="日本 語.png"', '日本 語.png'],
    ['name="f"; filename="x"; filename*=UTF-8\'\'%e2%82%ac%20rates', '€ rates'],
    ['name="f"; filename*=utf-8\'en\'%zz', '%zz'],
    ['name="f"; filename*=klingon\'\'a; filename=b', 'b'],
    ['name="f"; filename="a/b/../c.png"', 'a/b/../c.png'],
    ['name="f"; filename=""', ''],
    ['name="f"; filename="open', 'open'],
    ['filename=a.b; name=f', 'a.b'],
  ])('file name of %s', async (disposition, filename) => {
    expect(await one(disposition)).toMatchObject({ name: 'f', filename, content: 'x' });
  });

  it('reads a name in latin1 when it is no UTF-8', async () => {
    const body = Buffer.from(
      '--b\r\nContent-Disposition: form-data; name="f"; filename="caf\xe9"\r\n\r\nx\r\n--b--',
      'latin1',
    );
    expect(await parse([body], { boundary: 'b' })).toMatchObject([{ filename: 'café' }]);
  });

  it.each([
    ['nothing', [''], 'invalid_multipart'],
    ['no boundary anywhere', ['hello'], 'invalid_multipart'],
    ['another boundary', ['--c', '', '', '--c--'], 'invalid_multipart'],
    ['cut in the headers', ['--b', 'Content-Dispo'], 'incomplete_body'],
    ['cut in the content', ['--b', '', 'abc'], 'incomplete_body'],
    ['cut after a delimiter', ['--b', '', 'abc', '--b'], 'incomplete_body'],
    ['cut inside the closing dashes', ['--b', '', 'abc', '--b-'], 'incomplete_body'],
    [
      'a form inside a part',
      ['--b', 'Content-Type: multipart/mixed; boundary=c', '', '--c', '--b--'],
      'invalid_multipart',
    ],
    ['huge headers', ['--b', `X: ${'y'.repeat(20_000)}`, '', 'x', '--b--'], 'invalid_multipart'],
  ])('refuses %s', async (_, lines, code) => {
    await expect(parse(text(...lines), { boundary: 'b' })).rejects.toMatchObject({ code });
  });

  it('stops reading at the limit of parts', async () => {
    let sent = 0;
    const endless = (async function* () {
      for (;;) {
        sent++;
        yield Buffer.from('--b\r\n\r\nx\r\n');
      }
    })();
    const read = async () => {
      for await (const _ of parseMultipart(endless, { boundary: 'b' })) {
      }
    };
    await expect(read()).rejects.toMatchObject({ code: 'invalid_multipart' });
    expect(sent).toBeLessThan(200);
  });

  it('refuses a large body without a boundary early', async () => {
    let sentBytes = 0;
    const endless = (async function* () {
      for (;;) {
        sentBytes += 65536;
        yield Buffer.alloc(65536, 'x');
      }
    })();
    const read = async () => {
      for await (const _ of parseMultipart(endless, { boundary: 'b' })) {
      }
    };
    await expect(read()).rejects.toMatchObject({ code: 'invalid_multipart' });
    expect(sentBytes).toBeLessThan(300_000);
  });

  it('passes on the error of the source, again and again', async () => {
    const broken = (async function* () {
      yield Buffer.from('--b\r\n\r\nabc');
      throw new Error('cut');
    })();
    const parts = parseMultipart(broken, { boundary: 'b' });
    const { value: part } = await parts.next();
    const read = async () => {
      for await (const _ of part?.body ?? []) {
      }
    };
    await expect(read()).rejects.toThrow('cut');
    await expect(parts.next()).rejects.toThrow('cut');
  });

  it('leaves the source when the caller leaves', async () => {
    const source = Readable.from(text('--b', '', 'x', '--b', '', 'y', '--b--'));
    for await (const _ of parseMultipart(source, { boundary: 'b' })) {
      break;
    }
    expect(source.destroyed).toBe(true);
  });

  const content = fc.array(
    fc.oneof(
      fc.constantFrom(
        '\r\n--bound',
        '\r\n--boundary',
        '\r',
        '\n',
        '\r\n',
        '--',
        '-',
        '--boundary',
        '\r\n--',
        '\r\n-',
      ),
      fc.string({ unit: 'binary-ascii', maxLength: 6 }),
    ),
    { maxLength: 12 },
  );
  const token = fc.string({
    unit: fc.constantFrom(...'abcXYZ019é日 ._()[];=,\\"'),
    minLength: 1,
    maxLength: 8,
  });
  const sent = fc.array(
    fc.record({
      name: token,
      filename: fc.option(token),
      contentType: fc.option(fc.constantFrom('text/plain', 'image/png')),
      content,
    }),
    { minLength: 1, maxLength: 5 },
  );

  it('finds what was sent, wherever the chunks are cut, and agrees with busboy', async () => {
    await fc.assert(
      fc.asyncProperty(
        sent,
        fc.array(fc.nat(), { maxLength: 20 }),
        fc.boolean(),
        async (parts, places, single) => {
          const clean = parts.map((part) => ({
            ...part,
            content: unambiguous(part.content.join('')),
          }));
          const bytes = write(clean);
          const chunks = single ? cut(bytes, Array.from(bytes.keys())) : cut(bytes, places);
          const own = await parse(chunks, { boundary: 'boundary' });
          expect(own).toEqual(
            clean.map(({ name, filename, contentType, content }) => ({
              name,
              filename: filename ?? undefined,
              contentType: contentType ?? undefined,
              content,
            })),
          );
          expect(own.map(({ name, filename, content }) => ({ name, filename, content }))).toEqual(
            await parseWithBusboy(chunks),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  it('never hangs or throws anything but its own errors on broken forms', async () => {
    await fc.assert(
      fc.asyncProperty(
        sent,
        fc.nat(),
        fc.nat(),
        fc.string({ unit: 'binary-ascii', maxLength: 3 }),
        async (parts, from, length, noise) => {
          const bytes = write(parts.map((part) => ({ ...part, content: part.content.join('') })));
          const start = from % bytes.length;
          const broken = Buffer.concat([
            bytes.subarray(0, start),
            Buffer.from(noise),
            bytes.subarray(start + (length % 40)),
          ]);
          await parse(cut(broken, [7, 50, 90]), { boundary: 'boundary' }).catch((error) =>
            expect(error.code).toMatch(/^(incomplete_body|invalid_multipart)$/),
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});

// Content that holds the delimiter itself cannot be sent; one that holds it as the start of a
// longer line, or at its very start, can, but busboy ends the part there.
const unambiguous = (value: string) => value.replaceAll(/(^|\r\n)--boundary/g, '$1--bo_ndary');

const quote = (value: string) => `"${value.replaceAll(/[\\"]/g, '\\$&')}"`;

function write(
  parts: readonly {
    name: string;
    filename: string | null;
    contentType: string | null;
    content: string;
  }[],
): Buffer {
  const chunks = parts.flatMap(({ name, filename, contentType, content }) => [
    Buffer.from(`--boundary\r\nContent-Disposition: form-data; name=${quote(name)}`),
    Buffer.from(filename === null ? '' : `; filename=${quote(filename)}`),
    Buffer.from(`${contentType === null ? '' : `\r\nContent-Type: ${contentType}`}\r\n\r\n`),
    Buffer.from(content, 'latin1'),
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...chunks, Buffer.from('--boundary--\r\n')]);
}

function parseWithBusboy(chunks: readonly Buffer[]): Promise<Omit<SeenPart, 'contentType'>[]> {
  const headers = { 'content-type': 'multipart/form-data; boundary=boundary' };
  const parser = busboy({
    headers,
    preservePath: true,
    defParamCharset: 'utf8',
    defCharset: 'latin1',
  });
  const seen: Omit<SeenPart, 'contentType'>[] = [];
  parser.on('field', (name, content) => seen.push({ name, filename: undefined, content }));
  parser.on('file', (name, stream, info) => {
    const index = seen.push({ name, filename: info.filename, content: '' }) - 1;
    stream.setEncoding('latin1').on('data', (slice: string) => {
      seen[index] = { name, filename: info.filename, content: `${seen[index]?.content}${slice}` };
    });
  });
  Readable.from(chunks).pipe(parser);
  return new Promise((resolve, reject) =>
    parser.on('close', () => resolve(seen)).on('error', reject),
  );
}

describe('boundaryOf', () => {
  it.each([
    ['multipart/form-data; boundary=abc', 'abc'],
    ['multipart/form-data; charset=utf-8; Boundary="a b\\"c"; x=y', 'a b"c'],
    ['multipart/form-data;boundary=----WebKitFormBoundary7MA4', '----WebKitFormBoundary7MA4'],
    ['multipart/form-data; boundary = abc ; x', 'abc'],
    ['multipart/form-data; xboundary=abc', undefined],
    ['multipart/form-data; boundary=', undefined],
    ['multipart/form-data; boundary=""', undefined],
    ['multipart/form-data', undefined],
    [undefined, undefined],
  ])('%s', (contentType, boundary) => expect(boundaryOf(contentType)).toBe(boundary));
});
