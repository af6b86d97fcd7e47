import { describe, expect, it } from 'vitest';
import { bytesBody, hashedBody, nothing, once, streamBody } from './body.ts';
import { hashOf } from './hash.ts';
import { readAll } from './peek.ts';

const bytes = Buffer.from('some bytes');

describe('bodies', () => {
  it('of bytes in memory are opened as often as one likes', async () => {
    const body = bytesBody(bytes);
    expect(await readAll(body.open())).toEqual(bytes);
    expect(await readAll(body.open())).toEqual(bytes);
    expect(body).toMatchObject({ size: bytes.length });
    expect(body.once).toBeUndefined();
    expect(await readAll(bytesBody(new Uint8Array(0)).open())).toEqual(Buffer.alloc(0));
    expect(await readAll(nothing())).toEqual(Buffer.alloc(0));
  });

  it('of a live stream are opened a single time', async () => {
    const body = streamBody(once(bytes), { size: bytes.length });
    expect(body).toMatchObject({ once: true, size: bytes.length });
    expect(await readAll(body.open())).toEqual(bytes);
    expect(() => body.open()).toThrow('opened twice');
  });
});

describe('a hashed body', () => {
  const expected = { size: bytes.length, hash: hashOf(bytes) };

  it('has the digest of what first read it to its end, however often it was opened', async () => {
    const body = hashedBody(bytesBody(bytes));
    await body.open()[Symbol.asyncIterator]().next();
    await readAll(body.open());
    await body.open()[Symbol.asyncIterator]().next();
    expect(await body.digest()).toEqual(expected);
  });

  it('is read once more where nothing has read it to its end', async () => {
    expect(await hashedBody(bytesBody(bytes)).digest()).toEqual(expected);
  });

  it('has none when a live stream was not read to its end', async () => {
    const body = hashedBody(streamBody(once(bytes)));
    await body.open()[Symbol.asyncIterator]().next();
    await expect(body.digest()).rejects.toMatchObject({ code: 'channel_unavailable' });
  });
});
