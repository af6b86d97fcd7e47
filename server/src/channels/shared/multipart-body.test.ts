import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { multipartBody } from './multipart-body.ts';

async function* once(bytes: Uint8Array) {
  yield bytes;
}

async function parse(contentType: string, body: Buffer) {
  const fields: Record<string, string> = {};
  const files: { name: string; filename: string; contentType: string; bytes: Promise<Buffer> }[] =
    [];
  const parser = busboy({
    headers: { 'content-type': contentType },
    defParamCharset: 'utf8',
    preservePath: true,
  });
  parser.on('field', (name, value) => {
    fields[name] = value;
  });
  parser.on('file', (name, stream, info) => {
    const bytes = Array.fromAsync(stream).then((chunks) => Buffer.concat(chunks as Buffer[]));
    files.push({ name, filename: info.filename ?? '', contentType: info.mimeType, bytes });
  });
  await pipeline(Readable.from([body]), parser);
  return { fields, files };
}

describe('multipart body', () => {
  it('is read back by another parser, and is as long as it says', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(
        text,
        text,
        fc.uint8Array({ maxLength: 300 }),
        async (value, filename, bytes) => {
          const file = {
            name: 'document',
            filename: `a${filename}`,
            contentType: 'image/png',
            source: once(bytes),
            size: bytes.length,
          };
          const form = multipartBody([{ name: 'chat_id', value }], file);
          const body = Buffer.concat(await Array.fromAsync(form.body));
          expect(body.length).toBe(form.contentLength);
          const parsed = await parse(form.contentType, body);
          expect(parsed.fields).toEqual({ chat_id: value });
          expect(await parsed.files[0]?.bytes).toEqual(Buffer.from(bytes));
          expect(parsed.files[0]?.contentType).toBe('image/png');
        },
      ),
      { numRuns: 50 },
    );
  });

  it('lets no name or type break out of its header', async () => {
    const odd = 'a"\r\nX-Injected: yes\r\n\r\nbody';
    const form = multipartBody([{ name: odd, value: '1' }], {
      name: odd,
      filename: odd,
      contentType: odd,
      source: once(Buffer.alloc(0)),
    });
    expect(form.contentLength).toBeUndefined();
    const body = Buffer.concat(await Array.fromAsync(form.body)).toString();
    expect(body).not.toMatch(/^X-Injected/m);
  });
});
