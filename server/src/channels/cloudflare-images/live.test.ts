import { randomUUID } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { streamBody } from '../../core/streams/body.ts';
import { createCloudflareImagesChannel } from './index.ts';
import { cloudflareImagesSettings } from './settings.ts';

const { STOWAGE_LIVE_CLOUDFLARE_IMAGES } = process.env;
const signal = new AbortController().signal;
const png = smallPng(64);

if (STOWAGE_LIVE_CLOUDFLARE_IMAGES) {
  const settings = cloudflareImagesSettings.parse(JSON.parse(STOWAGE_LIVE_CLOUDFLARE_IMAGES));
  const channel = createCloudflareImagesChannel(settings);
  const key = () => `live/${randomUUID()}.png`;

  describe('cloudflare_images, live', { timeout: 60_000 }, () => {
    it('check', () => channel.check({ signal }));

    it('put, get, range, address, delete', async () => {
      const { ref, size } = await channel.put(streamBody(bytes(), { size: png.length }), {
        key: key(),
        contentType: 'image/png',
        signal,
      });
      expect(size).toBe(png.length);
      expect(await read(await channel.get(ref, { signal }))).toEqual(png);
      expect(await read(await channel.get(ref, { range: { start: 3, end: 9 }, signal }))).toEqual(
        png.subarray(3, 10),
      );
      const url = channel.url?.(ref);
      if (url !== undefined) {
        expect((await fetch(url)).status).toBe(200);
      }
      await channel.delete(ref, { signal });
      await channel.delete(ref, { signal });
      await expect(channel.get(ref, { signal })).rejects.toMatchObject({ code: 'not_found' });
    });

    it('direct upload', async () => {
      const options = {
        key: key(),
        contentType: 'image/png',
        filename: 'a.png',
        size: png.length,
        expiresInSeconds: 3600,
        signal,
      };
      const upload = await channel.presign?.start(options);
      if (upload === undefined) {
        throw new Error('not taken');
      }
      expect(await channel.presign?.head(upload.state, { signal })).toBeUndefined();
      const form = new FormData();
      form.append('file', new Blob([Uint8Array.from(png)], { type: 'image/png' }), 'a.png');
      expect((await fetch(upload.url, { method: 'POST', body: form })).status).toBe(200);
      expect(await channel.presign?.head(upload.state, { signal })).toMatchObject({
        size: png.length,
      });
      await channel.presign?.abort(upload.state, { signal });
      expect(await channel.presign?.head(upload.state, { signal })).toBeUndefined();
    });
  });
} else {
  it.skip('live: set STOWAGE_LIVE_CLOUDFLARE_IMAGES to the settings of a channel as JSON');
}

async function* bytes(): AsyncGenerator<Uint8Array> {
  yield png;
}

async function read({ stream }: { readonly stream: AsyncIterable<Uint8Array> }): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream));
}

/** A grey square. */
function smallPng(side: number): Buffer<ArrayBuffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 8;
  const rows = deflateSync(Buffer.alloc((side + 1) * side, 0));
  const parts = [chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}
