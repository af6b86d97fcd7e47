import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readForm } from './multipart-form.ts';

const contentType = 'multipart/form-data; boundary=b';
const field = (name: string, value: string) =>
  `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const file = (name: string, content: string, filename = 'x.png') =>
  `--b\r\nContent-Disposition: form-data; name="${name}"; filename="${filename}"\r\nContent-Type: image/png\r\n\r\n${content}\r\n`;
const open = (...parts: string[]) =>
  readForm({ contentType, body: Readable.from([Buffer.from([...parts, '--b--'].join(''))]) });

async function textOf(body: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

describe('readForm', () => {
  it('hands out the file with the fields before it, then the fields after it', async () => {
    const form = open(field('uploadId', 'u1'), file('file', 'bytes'), field('chunkIndex', '3'));
    const part = await form.nextFile('file');
    expect(part).toMatchObject({ name: 'file', filename: 'x.png', contentType: 'image/png' });
    expect({ ...form.fields }).toEqual({ uploadId: 'u1' });
    expect(await textOf(part?.body)).toBe('bytes');
    expect({ ...(await form.rest()) }).toEqual({ uploadId: 'u1', chunkIndex: '3' });
    expect(await form.nextFile()).toBeUndefined();
  });

  it('skips files of other names, and files nobody reads', async () => {
    const form = open(file('thumb', 't'), file('file', 'f'), field('a', '1'));
    expect((await form.nextFile('file'))?.name).toBe('file');
    expect({ ...(await form.rest()) }).toEqual({ a: '1' });
  });

  it('counts every byte that it keeps of fields, names included, and nothing else', async () => {
    const held: number[] = [];
    const parts = [
      field('ab', 'x'.repeat(1000)),
      field('ab', 'y'.repeat(1000)),
      file('file', 'z'.repeat(5000)),
      field('c', 'é'),
    ];
    const body = Readable.from([Buffer.from([...parts, '--b--'].join(''))]);
    const form = readForm(
      { contentType, body },
      { held: { add: (bytes) => void held.push(bytes) } },
    );
    await form.rest();
    expect(held.reduce((sum, bytes) => sum + bytes)).toBe(2 + 1000 + 1 + 2);
  });

  it('ends without a file', async () => {
    const form = open(field('a', '1'));
    expect(await form.nextFile('file')).toBeUndefined();
    expect({ ...form.fields }).toEqual({ a: '1' });
  });

  it('takes the first of a name, and any name', async () => {
    const form = open(
      field('a', ''),
      field('a', '2'),
      field('__proto__', 'x'),
      field('toString', 'y'),
    );
    const fields = await form.rest();
    expect(Object.entries(fields)).toEqual([
      ['a', ''],
      ['__proto__', 'x'],
      ['toString', 'y'],
    ]);
    expect(fields.constructor).toBeUndefined();
  });

  it('takes an octet-stream part without a name as a file, other nameless parts as text', async () => {
    const nameless = (type: string) =>
      `--b\r\nContent-Disposition: form-data; name="file"\r\nContent-Type: ${type}\r\n\r\nx\r\n`;
    expect(await open(nameless('application/octet-stream')).nextFile('file')).toMatchObject({
      filename: '',
    });
    const form = open(nameless('text/plain'));
    expect(await form.nextFile('file')).toBeUndefined();
    expect(form.fields.file).toBe('x');
  });

  it('bounds a field', async () => {
    await expect(open(field('a', 'x'.repeat(70_000))).rest()).rejects.toMatchObject({
      code: 'too_large',
    });
    await expect(open(field('a', 'x'.repeat(65_536))).rest()).resolves.toBeDefined();
  });

  it('reads urlencoded forms', async () => {
    const read = (text: string) =>
      readForm({
        contentType: 'application/x-www-form-urlencoded; charset=UTF-8',
        body: Readable.from([Buffer.from(text)]),
      });
    expect({ ...(await read('a=1&b=%E6%97%A5+x&a=2&100%=y').rest()) }).toEqual({
      a: '1',
      b: '日 x',
      '100%': 'y',
    });
    const form = read('a=1');
    expect(await form.nextFile('file')).toBeUndefined();
    expect(form.fields.a).toBe('1');
    await expect(read('a'.repeat(70_000)).rest()).rejects.toMatchObject({ code: 'too_large' });
    await expect(read('a&'.repeat(2000)).rest()).rejects.toMatchObject({ code: 'bad_request' });
  });

  it.each([undefined, 'application/json', 'text/plain'])('refuses %s', (other) => {
    expect(() => readForm({ contentType: other, body: Readable.from([]) })).toThrow(/multipart/);
  });
});
