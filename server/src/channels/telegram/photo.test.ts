import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { newKey, putBytes, read } from '../../../test/emulators/channel-kit.ts';
import { telegramScene } from '../../../test/emulators/telegram/scene.ts';
import { streamBody } from '../../core/streams/body.ts';

function picture(
  width: number,
  height: number,
  format: 'jpeg' | 'png' | 'webp' | 'gif',
): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: { r: 200, g: 30, b: 90 } } })
    .toFormat(format)
    .toBuffer();
}

async function noisyJpeg(width: number, height: number): Promise<Buffer> {
  const raw = Buffer.from(
    Array.from({ length: width * height * 3 }, (_, index) => (index * 7919) % 251),
  );
  return sharp(raw, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 100 })
    .toBuffer();
}

const recompress = { mayRecompress: true, contentType: 'image/jpeg' };

describe('pictures on Telegram', () => {
  it('go out as documents, byte by byte, unless compression is asked for', async () => {
    const { channel, emulator } = await telegramScene();
    for (const format of ['jpeg', 'png', 'webp', 'gif'] as const) {
      const bytes = await picture(40, 30, format);
      const { ref, size } = await putBytes(channel, bytes, {
        contentType: `image/${format}`,
        filename: `a.${format}`,
      });
      expect(size).toBe(bytes.length);
      expect((await read(channel, ref)).equals(bytes)).toBe(true);
    }
    expect(emulator.calls.some(({ method }) => method === 'sendPhoto')).toBe(false);
  });

  it('a JPEG goes out as a photo when asked: size and bytes are those that Telegram keeps', async () => {
    const { channel, emulator } = await telegramScene();
    const bytes = await noisyJpeg(400, 300);
    const { ref, size } = await putBytes(channel, bytes, recompress);
    expect(emulator.calls.at(-1)?.method).toBe('sendPhoto');
    const back = await read(channel, ref);
    expect(back.length).toBe(size);
    expect(size).toBeLessThan(bytes.length);
    expect(await sharp(back).metadata()).toMatchObject({ format: 'jpeg', width: 400, height: 300 });
    expect(
      (await read(channel, ref, { start: 1, end: size - 2 })).equals(back.subarray(1, -1)),
    ).toBe(true);
  });

  it.each([
    ['too many pixels on its sides', () => picture(9000, 1100, 'jpeg'), 'image/jpeg'],
    ['too narrow', () => picture(1050, 50, 'jpeg'), 'image/jpeg'],
    ['not a picture at all', async () => Buffer.from('no picture'), 'image/jpeg'],
    ['a PNG, which would come back as JPEG', () => picture(50, 50, 'png'), 'image/jpeg'],
    ['a GIF', () => picture(50, 50, 'gif'), 'image/gif'],
    [
      'too large',
      async () => Buffer.concat([await picture(50, 50, 'jpeg'), Buffer.alloc(10_000_000)]),
      'image/jpeg',
    ],
  ])('never fails, but is kept as it is: %s', async (_, make, contentType) => {
    const { channel, emulator } = await telegramScene();
    const bytes = await make();
    const { ref } = await putBytes(channel, bytes, { mayRecompress: true, contentType });
    expect((await read(channel, ref)).equals(bytes)).toBe(true);
    expect(emulator.calls.some(({ method }) => method === 'sendPhoto')).toBe(false);
  });

  it('an abort is honoured while the head of the picture is awaited', async () => {
    const { channel, emulator } = await telegramScene();
    async function* stalled() {
      yield Buffer.from([0xff, 0xd8]);
      await new Promise(() => undefined);
    }
    const signal = AbortSignal.timeout(30);
    const put = channel.put(streamBody(stalled(), { size: 5000 }), {
      key: newKey(),
      signal,
      ...recompress,
    });
    await expect(put).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(emulator.messages.size).toBe(0);
  });

  it('a photo that Telegram refuses goes out as a document with the next try', async () => {
    const { channel, emulator } = await telegramScene();
    const bytes = await picture(50, 50, 'jpeg');
    const body = JSON.stringify({
      ok: false,
      error_code: 400,
      description: 'Bad Request: IMAGE_PROCESS_FAILED',
    });
    emulator.faults.add('sendPhoto', { kind: 'status', status: 400, when: 'before', body });
    const options = { ...recompress, key: newKey() };
    await expect(putBytes(channel, bytes, options)).rejects.toMatchObject({
      code: 'channel_unavailable',
      message: expect.stringContaining('IMAGE_PROCESS_FAILED'),
    });
    const { ref } = await putBytes(channel, bytes, options);
    expect((await read(channel, ref)).equals(bytes)).toBe(true);
  });
});
