import { describe, expect, it } from 'vitest';
import { bodyOf, bufferOf, bytesOf, type Sample } from '../../../test/conformance/channel/data.ts';
import { stallAfter } from '../../../test/conformance/channel/subject.ts';
import { emulatedChannel } from '../../../test/emulators/cloudflare-images/emulated-channel.ts';
import {
  type CloudflareEmulatorOptions,
  emulatedAccount,
} from '../../../test/emulators/cloudflare-images/emulator.ts';
import type { Fault } from '../../../test/emulators/emulator-kit.ts';
import type { Channel, PutOptions, Ref } from '../../core/channel.ts';
import { streamBody } from '../../core/streams/body.ts';

const signal = new AbortController().signal;
const sample: Sample = { seed: 11, size: 300_000 };
let keys = 0;

describe.each([
  ['public', 'upload', false],
  ['private', 'direct', true],
] as const)('cloudflare_images faults, %s images', (_, uploadCall, requireSignedUrls) => {
  const begin = (options: CloudflareEmulatorOptions = {}) =>
    emulatedChannel({ formats: 'any', ...options }, { requireSignedUrls });

  it.each<readonly [string, Fault, Record<string, unknown>]>([
    [
      '503 before storing',
      { kind: 'status', status: 503, when: 'before', headers: { 'retry-after': '7' } },
      { retryAfterMs: 7000 },
    ],
    ['a reset before', { kind: 'reset', when: 'before' }, {}],
    ['a reset in the body', { kind: 'reset', when: 'mid-body' }, {}],
    ['an answer that is not JSON, nothing stored', { kind: 'wrong-json', when: 'before' }, {}],
    ['5408, sent too slowly', envelope(408, 5408, 'client was sending too slowly'), {}],
  ])('%s: rejects as passing, leaves nothing, works when repeated', async (__, fault, expected) => {
    const { channel, emulator } = await begin();
    const options = putOptions();
    emulator.faults.add(uploadCall, fault);
    const put = channel.put(bodyOf(sample), options);
    await expect(put).rejects.toMatchObject({ code: 'channel_unavailable', ...expected });
    expect(emulator.images.size).toBe(0);
    const { ref } = await channel.put(bodyOf(sample), options);
    expect(await read(channel, ref)).toEqual(bufferOf(sample));
    expect(emulator.images.size).toBe(1);
  });

  it.each<readonly [string, Fault]>([
    ['500 after storing', { kind: 'status', status: 500, when: 'after' }],
    ['a lost answer', { kind: 'reset', when: 'after' }],
    ['an answer that is not JSON', { kind: 'wrong-json', when: 'after' }],
  ])('%s: the image is found by reading, once', async (__, fault) => {
    const { channel, emulator } = await begin();
    emulator.faults.add(uploadCall, fault);
    const { ref, size } = await channel.put(bodyOf(sample), putOptions());
    expect(size).toBe(sample.size);
    expect(emulator.images.size).toBe(1);
    expect(await read(channel, ref)).toEqual(bufferOf(sample));
  });

  it('429 is passed on with its waiting time', async () => {
    const { channel, emulator } = await begin();
    emulator.faults.add(uploadCall, {
      kind: 'status',
      status: 429,
      when: 'before',
      headers: { 'retry-after': '120' },
    });
    const put = channel.put(bodyOf(sample), putOptions());
    await expect(put).rejects.toMatchObject({
      code: 'channel_rate_limited',
      retryAfterMs: 120_000,
    });
    expect(emulator.images.size).toBe(0);
  });

  it('waits until the image can be read', async () => {
    const { channel, emulator } = await begin();
    emulator.faults.add('blob', envelope(404, 5404, 'Image not found'), 2);
    const { ref } = await channel.put(bodyOf(sample), putOptions());
    expect(await read(channel, ref)).toEqual(bufferOf(sample));
  });

  it('an image of which only a converted version is kept is refused and removed', async () => {
    const { channel, emulator } = await begin({ keeps: (size) => size - 1000 });
    const put = channel.put(bodyOf(sample), putOptions());
    await expect(put).rejects.toMatchObject({
      code: 'channel_refused',
      message: expect.stringContaining('299000 instead of 300000'),
    });
    expect(emulator.images.size).toBe(0);
  });

  it('an abort after the last byte removes what is stored all the same', async () => {
    const { channel, emulator } = await begin();
    const controller = new AbortController();
    emulator.faults.add(uploadCall, { kind: 'slow', ms: 100 });
    const source = (async function* () {
      yield* bytesOf(sample);
      setTimeout(() => controller.abort(new Error('enough')), 20);
    })();
    const options = putOptions();
    await expect(
      channel.put(streamBody(source, { size: sample.size }), {
        ...options,
        signal: controller.signal,
      }),
    ).rejects.toThrow('enough');
    // the next attempt under the same key waits until the first is cleared away
    const { ref } = await channel.put(bodyOf(sample), options);
    expect(await read(channel, ref)).toEqual(bufferOf(sample));
    expect(emulator.images.size).toBe(1);
  });

  it('an abort in the middle leaves neither image nor draft', async () => {
    const { channel, emulator } = await begin();
    const controller = new AbortController();
    const source = stallAfter(bytesOf({ ...sample, size: 100_000 }), () =>
      setImmediate(() => controller.abort(new Error('enough'))),
    );
    await expect(
      channel.put(streamBody(source, { size: sample.size }), {
        ...putOptions(),
        signal: controller.signal,
      }),
    ).rejects.toThrow('enough');
    await expect.poll(() => emulator.images.size).toBe(0);
  });

  it('a download cut in the middle ends with an error', async () => {
    const { channel, emulator } = await begin();
    const { ref } = await channel.put(bodyOf(sample), putOptions());
    emulator.faults.add('blob', { kind: 'cut' });
    await expect(read(channel, ref)).rejects.toMatchObject({ code: 'channel_unavailable' });
  });

  it('says what Cloudflare refuses, in its words and without secrets', async () => {
    const { channel, emulator } = await begin({ formats: 'images' });
    await expect(channel.put(bodyOf(sample), putOptions())).rejects.toMatchObject({
      code: 'channel_refused',
      message: expect.stringContaining('5455 Unsupported image format'),
    });
    emulator.faults.add(
      uploadCall,
      envelope(400, 5400, `Bad request from ${emulatedAccount.apiToken}`),
    );
    const error = await channel
      .put(bodyOf(sample), putOptions())
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'channel_refused' });
    expect(`${error} ${JSON.stringify(error)}`).not.toContain(emulatedAccount.apiToken);
    expect(emulator.images.size).toBe(0);
  });

  it('takes nothing over 10 MB, told or found out', async () => {
    const { channel, emulator } = await begin();
    const big = { seed: 12, size: 10_000_001 };
    await expect(channel.put(bodyOf(big), putOptions())).rejects.toMatchObject({
      code: 'too_large',
    });
    expect(emulator.calls).toEqual([]);
    await expect(channel.put(streamBody(bytesOf(big)), putOptions())).rejects.toMatchObject({
      code: 'too_large',
    });
    await expect.poll(() => emulator.images.size).toBe(0);
  });
});

describe('cloudflare_images', () => {
  it('a first attempt that could not be removed does not stand in the way of the second', async () => {
    const { channel, emulator } = await emulatedChannel({ formats: 'any' });
    const options = putOptions();
    emulator.faults.add('upload', { kind: 'status', status: 500, when: 'after' });
    emulator.faults.add('blob', { kind: 'status', status: 500, when: 'before' });
    emulator.faults.add('delete', { kind: 'status', status: 500, when: 'before' });
    await expect(channel.put(bodyOf(sample), options)).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
    expect(emulator.images.size).toBe(1);
    const { ref } = await channel.put(bodyOf(sample), options);
    expect(
      emulator.calls.filter(({ name }) => name === 'upload').map(({ status }) => status),
    ).toEqual([500, 409]);
    expect(await read(channel, ref)).toEqual(bufferOf(sample));
  });

  it.each(['video/mp4', 'audio/mpeg', 'application/pdf', 'Application/ZIP'])(
    'refuses %s without sending it',
    async (contentType) => {
      const { channel, emulator } = await emulatedChannel({ formats: 'any' });
      const put = channel.put(bodyOf(sample), { ...putOptions(), contentType });
      await expect(put).rejects.toMatchObject({ code: 'channel_refused' });
      expect(emulator.calls).toEqual([]);
    },
  );

  it('check: tells a disabled token, a wrong one, a foreign account and a full one', async () => {
    const { channel, emulator } = await emulatedChannel({ allowed: 1, formats: 'any' });
    await channel.check({ signal });
    await channel.put(bodyOf(sample), putOptions());
    await expect(channel.check({ signal })).rejects.toMatchObject({ code: 'channel_full' });
    emulator.setTokenStatus('disabled');
    await expect(channel.check({ signal })).rejects.toMatchObject({
      code: 'channel_unauthorized',
      message: expect.stringContaining('token is disabled'),
    });
    const wrong = await emulatedChannel({}, { apiToken: 'canary-wrong-token' });
    const error = await wrong.channel.check({ signal }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'channel_unauthorized' });
    expect(String(error)).not.toContain('canary-wrong-token');
    const foreign = await emulatedChannel({}, { accountId: 'another' });
    await expect(foreign.channel.check({ signal })).rejects.toMatchObject({
      code: 'channel_unauthorized',
    });
  });

  it('check does not need the token call, which account tokens cannot make', async () => {
    const { channel, emulator } = await emulatedChannel();
    emulator.faults.add('verify', envelope(401, 1000, 'Invalid API Token'));
    await channel.check({ signal });
  });

  it('reads when the API answers ranges with everything', async () => {
    const { channel } = await emulatedChannel({ formats: 'any', ignoreRange: true });
    const { ref } = await channel.put(bodyOf(sample), putOptions());
    const { stream, size } = await channel.get(ref, {
      range: { start: 100_000, end: 100_009 },
      signal,
    });
    expect(size).toBe(10);
    expect(Buffer.concat(await Array.fromAsync(stream))).toEqual(
      bufferOf(sample).subarray(100_000, 100_010),
    );
  });
});

function envelope(status: number, code: number, message: string): Fault {
  const body = JSON.stringify({
    result: null,
    success: false,
    errors: [{ code, message }],
    messages: [],
  });
  return {
    kind: 'status',
    status,
    when: 'before',
    body,
    headers: { 'content-type': 'application/json' },
  };
}

function putOptions(): PutOptions {
  return { key: `faults/${++keys}.png`, contentType: 'image/png', signal };
}

async function read(channel: Channel, ref: Ref): Promise<Buffer> {
  const { stream } = await channel.get(ref, { signal });
  return Buffer.concat(await Array.fromAsync(stream));
}
