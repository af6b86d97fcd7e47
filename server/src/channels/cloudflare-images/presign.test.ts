import { describe, expect, it } from 'vitest';
import { bufferOf } from '../../../test/conformance/channel/data.ts';
import { emulatedChannel } from '../../../test/emulators/cloudflare-images/emulated-channel.ts';
import { emulatedAccount } from '../../../test/emulators/cloudflare-images/emulator.ts';
import type { Channel, PresignedUpload, PresignOptions } from '../../core/channel.ts';

const signal = new AbortController().signal;
const minuteMs = 60_000;
const png = Buffer.concat([
  Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
  bufferOf({ seed: 3, size: 5000 }),
]);
let keys = 0;

describe('cloudflare_images direct upload', () => {
  it.each([
    ['image/jpeg', 1, true],
    ['image/png; charset=binary', 1, true],
    ['IMAGE/GIF', 1, true],
    ['image/webp', 10_000_000, true],
    ['image/svg+xml', 1, true],
    ['image/png', 10_000_001, false],
    ['image/png', undefined, false],
    ['image/heic', 1, false],
    ['image/heif', 1, false],
    ['image/avif', 1, false],
    ['video/mp4', 1, false],
    ['application/pdf', 1, false],
    ['', 1, false],
  ])(
    '%s of %s bytes: taken is %s, without asking Cloudflare when not',
    async (contentType, size, taken) => {
      const { channel, emulator } = await emulatedChannel();
      const { size: _, ...rest } = request();
      const upload = await channel.presign?.start({
        ...rest,
        contentType,
        ...(size !== undefined && { size }),
      });
      expect(upload !== undefined).toBe(taken);
      expect(emulator.calls.length).toBe(taken ? 1 : 0);
    },
  );

  it('takes HEIC when told to', async () => {
    const { channel } = await emulatedChannel({}, { acceptHeic: true });
    expect(await start(channel, { contentType: 'image/heic' })).toMatchObject({
      method: 'POST',
      fieldName: 'file',
    });
    expect(
      await channel.presign?.start({ ...request(), contentType: 'image/heif' }),
    ).toBeUndefined();
  });

  it('one form, one time; head knows what arrived', async () => {
    const { channel, emulator } = await emulatedChannel();
    const upload = await start(channel);
    expect(upload).toEqual({
      method: 'POST',
      url: expect.stringContaining(`/upload/${emulatedAccount.deliveryHash}/stowage-presign_-`),
      headers: {},
      fieldName: 'file',
      expiresAt: expect.any(Number),
      state: { id: expect.stringMatching(/^stowage-presign_-\d+\.png$/) },
    });
    expect(await channel.presign?.head(upload.state, { signal })).toBeUndefined();
    const answer = await send(upload, form(png));
    expect(answer).toMatchObject({
      status: 200,
      body: { success: true, errors: [], messages: [], result: { filename: 'a.png' } },
    });
    const arrival = await channel.presign?.head(upload.state, { signal });
    expect(arrival).toEqual({ ref: upload.state, size: png.length, contentType: 'image/png' });
    expect((await send(upload, form(png))).status).toBe(409);
    expect(emulator.images.size).toBe(1);
  });

  it('the ref is the one that locate tells of the key', async () => {
    const { channel } = await emulatedChannel();
    const upload = await start(channel, { key: '2026/11/with_underscore.png' });
    expect(upload.state).toEqual(channel.locate?.('2026/11/with_underscore.png'));
    expect(channel.locate?.('a_/b')).not.toEqual(channel.locate?.('a/_b'));
  });

  it('private images get ids of Cloudflare, and nothing is located beforehand', async () => {
    const { channel, emulator } = await emulatedChannel({}, { requireSignedUrls: true });
    expect(channel.locate).toBeUndefined();
    const upload = await start(channel);
    expect(upload.state).toEqual({ id: expect.stringMatching(/^[\da-f-]{36}$/) });
    await send(upload, form(png));
    expect([...emulator.images.values()]).toMatchObject([
      { requireSignedURLs: true, meta: { stowage: expect.any(String) } },
    ]);
  });

  it.each([
    [1, 2 * minuteMs],
    [3600, 60 * minuteMs],
    [999_999, 360 * minuteMs],
  ])('%i seconds become an expiry that Cloudflare takes', async (expiresInSeconds, expectedMs) => {
    const { channel, emulator } = await emulatedChannel();
    const { expiresAt } = await start(channel, { expiresInSeconds });
    const [draft] = [...emulator.images.values()];
    expect(Math.abs((draft?.expiresAt ?? 0) - Date.now() - expectedMs)).toBeLessThan(minuteMs);
    expect(expiresAt).toBe(draft?.expiresAt);
  });

  it.each([-1, 1])('works with a clock that is %i day off', async (days) => {
    const { channel, emulator } = await emulatedChannel();
    emulator.advance(days * 1440 * minuteMs);
    const upload = await start(channel);
    expect(emulator.calls.map(({ name, status }) => `${name} ${status}`)).toEqual([
      'draft 400',
      'draft 200',
    ]);
    expect(Math.abs((upload.expiresAt ?? 0) - Date.now() - 30 * minuteMs)).toBeLessThan(minuteMs);
    expect((await send(upload, form(png))).status).toBe(200);
  });

  it('an expired address takes nothing', async () => {
    const { channel, emulator } = await emulatedChannel();
    const upload = await start(channel, { expiresInSeconds: 300 });
    emulator.advance(6 * minuteMs);
    expect((await send(upload, form(png))).status).toBe(403);
    expect(await channel.presign?.head(upload.state, { signal })).toBeUndefined();
  });

  it('abort removes drafts and images, and the address is dead', async () => {
    const { channel, emulator } = await emulatedChannel();
    const upload = await start(channel);
    await channel.presign?.abort(upload.state, { signal });
    expect(emulator.images.size).toBe(0);
    expect((await send(upload, form(png))).status).toBe(404);
    await channel.presign?.abort(upload.state, { signal });
  });

  it('gives width and height when the API does', async () => {
    const { channel, emulator } = await emulatedChannel();
    const upload = await start(channel);
    await send(upload, form(png));
    const result = { id: 'x', width: 640, height: 480, draft: false };
    const body = JSON.stringify({ result, success: true, errors: [], messages: [] });
    emulator.faults.add('details', { kind: 'status', status: 200, when: 'before', body });
    expect(await channel.presign?.head(upload.state, { signal })).toMatchObject({
      width: 640,
      height: 480,
      size: png.length,
    });
  });

  it('errors of the API are passed on', async () => {
    const { channel, emulator } = await emulatedChannel();
    emulator.faults.add('draft', {
      kind: 'status',
      status: 429,
      when: 'before',
      headers: { 'retry-after': '300' },
    });
    await expect(start(channel)).rejects.toMatchObject({
      code: 'channel_rate_limited',
      retryAfterMs: 300_000,
    });
    emulator.faults.add('draft', { kind: 'wrong-json', when: 'after' });
    await expect(start(channel)).rejects.toMatchObject({ code: 'channel_unavailable' });
    emulator.setTokenStatus('expired');
    await expect(start(channel)).rejects.toMatchObject({ code: 'channel_unauthorized' });
    await expect(channel.presign?.head({ id: 'x' }, { signal })).rejects.toMatchObject({
      code: 'channel_unauthorized',
    });
  });
});

describe('the emulated upload host', () => {
  it.each<
    readonly [string, FormData | Buffer<ArrayBuffer>, Record<string, string>, number, number]
  >([
    ['a raw body', png, { 'content-type': 'image/png' }, 415, 5415],
    ['a form without boundary', png, { 'content-type': 'multipart/form-data' }, 415, 5415],
    ['another field', form(png, 'image'), {}, 400, 5400],
    ['more than 10 MB', form(Buffer.concat([png, Buffer.alloc(10_000_000)])), {}, 413, 5413],
    ['no image', form(Buffer.from('%PDF-1.7')), {}, 415, 5455],
    ['an empty file', form(Buffer.alloc(0)), {}, 400, 5400],
  ])(
    'answers %s in the envelope, and the address stays good',
    async (_, body, headers, status, code) => {
      const { channel } = await emulatedChannel();
      const upload = await start(channel);
      const answer = await send(upload, body, headers);
      expect(answer).toMatchObject({
        status,
        body: { result: null, success: false, errors: [{ code }], messages: [] },
      });
      expect((await send(upload, form(png))).status).toBe(200);
    },
  );

  it('lets plain forms of any page in, nothing with headers of its own', async () => {
    const { channel } = await emulatedChannel();
    const upload = await start(channel);
    const preflight = (headers: Record<string, string>) =>
      fetch(upload.url, {
        method: 'OPTIONS',
        headers: {
          origin: 'https://app.example',
          'access-control-request-method': 'POST',
          ...headers,
        },
      });
    expect((await preflight({})).headers.get('access-control-allow-origin')).toBe('*');
    expect((await preflight({ 'access-control-request-headers': 'content-type' })).status).toBe(
      403,
    );
    const answer = await fetch(upload.url, {
      method: 'POST',
      body: form(png),
      headers: { origin: 'https://app.example' },
    });
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    await answer.arrayBuffer();
  });
});

function request(): PresignOptions {
  keys += 1;
  return {
    key: `presign/${keys}.png`,
    contentType: 'image/png',
    filename: 'a.png',
    size: png.length,
    expiresInSeconds: 3600,
    signal,
  };
}

async function start(
  channel: Channel,
  options: Partial<PresignOptions> = {},
): Promise<PresignedUpload> {
  const upload = await channel.presign?.start({ ...request(), ...options });
  if (upload === undefined) {
    throw new Error('not taken');
  }
  return upload;
}

function form(bytes: Buffer, field = 'file'): FormData {
  const data = new FormData();
  data.append(field, new Blob([Uint8Array.from(bytes)], { type: 'image/png' }), 'a.png');
  return data;
}

async function send(
  upload: PresignedUpload,
  body: FormData | Buffer<ArrayBuffer>,
  headers: Record<string, string> = {},
) {
  const response = await fetch(upload.url, {
    method: upload.method,
    body,
    headers: { ...upload.headers, ...headers },
  });
  return { status: response.status, body: (await response.json()) as unknown };
}
