import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bodyOf, bufferOf, bytesOf, type Sample } from '../../../test/conformance/channel/data.ts';
import { failAfter, stallAfter } from '../../../test/conformance/channel/subject.ts';
import {
  type Fault,
  type FaultProxy,
  startFaultProxy,
} from '../../../test/services/fault-proxy.ts';
import { type DavService, davMissing, startDav } from '../../../test/services/webdav.ts';
import type { Channel, PutOptions } from '../../core/channel.ts';
import { streamBody } from '../../core/streams/body.ts';
import { createWebdavChannel } from './index.ts';
import { webdavSettings } from './settings.ts';

const signal = new AbortController().signal;
const sample: Sample = { seed: 7, size: 300_000 };
let dav: DavService;
let proxy: FaultProxy;
let channel: Channel;
let keys = 0;

const missing = davMissing('apache');

describe.skipIf(missing !== undefined)(`webdav faults, in front of Apache ${missing ?? ''}`, () => {
  beforeAll(async () => {
    dav = await startDav('apache');
    proxy = await startFaultProxy({ target: dav.url.replace(/\/$/, '') });
    channel = newChannel();
    await channel.put(bodyOf(sample), putOptions());
  });
  afterEach(() => proxy.clear());
  afterAll(async () => {
    await channel?.close?.();
    await proxy?.stop();
    await dav?.stop();
  });

  it.each<readonly [string, string, Fault]>([
    ['PUT', '503 before storing', { kind: 'answer', status: 503, headers: { 'retry-after': '7' } }],
    ['PUT', '500 after storing', { kind: 'answer', status: 500, forward: true }],
    ['PUT', 'lost answer', { kind: 'reset', answerBytes: 0 }],
    ['PUT', 'cut in the body', { kind: 'reset', requestBytes: 100_000 }],
    ['PUT', 'a success that stored nothing', { kind: 'answer', status: 201 }],
    ['MOVE', '500 before moving', { kind: 'answer', status: 500 }],
  ])('%s %s: rejects as passing, leaves nothing, works when repeated', async (method, _, fault) => {
    const before = await dav.files();
    const options = putOptions();
    failNext(method, fault, 2);
    await expect(channel.put(bodyOf(sample), options)).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
    expect(await dav.files()).toBe(before);
    proxy.clear();
    const { ref } = await channel.put(bodyOf(sample), options);
    expect(await dav.files()).toBe(before + 1);
    expect(await read(ref)).toEqual(bufferOf(sample));
  });

  it.each<readonly [string, Fault]>([
    ['500', { kind: 'answer', status: 500, forward: true }],
    [
      '404, from a server that repeats the call itself',
      { kind: 'answer', status: 404, forward: true },
    ],
    ['a lost answer', { kind: 'reset', answerBytes: 0 }],
  ])('a MOVE that was done but answered by %s is found by reading', async (_, fault) => {
    const before = await dav.files();
    failNext('MOVE', fault);
    const { ref, size } = await channel.put(bodyOf(sample), putOptions());
    expect(size).toBe(sample.size);
    expect(await dav.files()).toBe(before + 1);
    expect(await read(ref)).toEqual(bufferOf(sample));
  });

  it('asks PROPFIND for the size where HEAD does not tell', async () => {
    failNext('HEAD', { kind: 'answer', status: 405 });
    expect(await channel.put(bodyOf(sample), putOptions())).toMatchObject({ size: sample.size });
    failNext('HEAD', { kind: 'answer', status: 200 });
    failNext('PROPFIND', { kind: 'answer', status: 207, body: '<d:multistatus xmlns:d="DAV:"/>' });
    await expect(channel.put(bodyOf(sample), putOptions())).rejects.toMatchObject({
      code: 'channel_refused',
    });
  });

  it('an attempt that follows a given-up one at once keeps its file', async () => {
    const options = putOptions();
    const controller = new AbortController();
    const stalled = stallAfter(bytesOf({ ...sample, size: 100_000 }), () =>
      setImmediate(() => controller.abort(new Error('idle'))),
    );
    const first = channel.put(streamBody(stalled, { size: sample.size }), {
      ...options,
      signal: controller.signal,
    });
    first.catch(() => undefined);
    await new Promise<void>((resolve) =>
      controller.signal.addEventListener('abort', () => resolve()),
    );
    const { ref } = await channel.put(bodyOf(sample), options);
    await expect(first).rejects.toThrow('idle');
    expect(await read(ref)).toEqual(bufferOf(sample));
  });

  it('what a crash between PUT and MOVE left is found by delete', async () => {
    const before = await dav.files();
    const options = putOptions();
    failNext('MOVE', { kind: 'hang' });
    failNext('DELETE', { kind: 'answer', status: 500 }, 2);
    const controller = new AbortController();
    const put = channel.put(bodyOf(sample), { ...options, signal: controller.signal });
    put.catch(() => undefined);
    await expect.poll(() => proxy.seen.some(({ method }) => method === 'MOVE')).toBe(true);
    controller.abort(new Error('enough'));
    await expect(put).rejects.toThrow('enough');
    await channel.delete(channel.locate?.(options.key) ?? null, { signal });
    expect(await dav.files()).toBe(before);
  });

  it.each<readonly [number, string]>([
    [401, 'channel_unauthorized'],
    [403, 'channel_unauthorized'],
    [413, 'too_large'],
    [415, 'channel_refused'],
    [423, 'channel_refused'],
    [429, 'channel_rate_limited'],
    [502, 'channel_unavailable'],
    [507, 'channel_full'],
    [302, 'channel_refused'],
  ])('PUT answered %i is %s', async (status, code) => {
    failNext('PUT', {
      kind: 'answer',
      status,
      headers: { 'retry-after': '3', location: 'http://127.0.0.1:1/elsewhere?token=canary' },
    });
    const error = await channel
      .put(bodyOf(sample), putOptions())
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code, retryAfterMs: status === 302 ? expect.anything() : 3000 });
    expect(String(error)).not.toContain('canary');
  });

  it('tells what the server says, without the secrets it echoes', async () => {
    const echo = proxy.seen.length;
    const auth = `Basic ${Buffer.from(`${dav.username}:${dav.password}`).toString('base64')}`;
    const body = `<html><head><title>x</title></head><body><h1>Over quota</h1> for ${auth} (${dav.password})</body></html>`;
    failNext('PUT', { kind: 'answer', status: 507, body });
    const error = await channel
      .put(bodyOf(sample), putOptions())
      .catch((reason: unknown) => reason);
    expect(String(error)).toContain('Over quota for');
    expect(`${error} ${JSON.stringify(error)}`).not.toContain(dav.password);
    expect(`${error} ${JSON.stringify(error)}`).not.toContain(auth.slice(6));
    expect(proxy.seen.length).toBeGreaterThan(echo);
  });

  it('a download cut in the middle ends with an error', async () => {
    const { ref } = await channel.put(bodyOf(sample), putOptions());
    failNext('GET', { kind: 'reset', answerBytes: 100_000 });
    await expect(read(ref)).rejects.toMatchObject({ code: 'channel_unavailable' });
  });

  it('cuts the range out of a 200', async () => {
    const { ref } = await channel.put(bodyOf(sample), putOptions());
    failNext('GET', { kind: 'answer', status: 200, body: '0123456789' });
    expect((await read(ref, { start: 3, end: 5 })).toString()).toBe('345');
  });

  it.each(['bytes 4-5/10', 'bytes */10', 'nonsense'])(
    'refuses a 206 with Content-Range %s for bytes 3-5',
    async (contentRange) => {
      const { ref } = await channel.put(bodyOf(sample), putOptions());
      failNext('GET', {
        kind: 'answer',
        status: 206,
        headers: { 'content-range': contentRange },
        body: '345',
      });
      await expect(read(ref, { start: 3, end: 5 })).rejects.toMatchObject({
        code: 'channel_unavailable',
      });
    },
  );

  it('a file that was cut behind our back is not found', async () => {
    const { ref } = await channel.put(bodyOf({ ...sample, size: 10 }), putOptions());
    await expect(read(ref, { start: 10, end: 20 })).rejects.toMatchObject({ code: 'not_found' });
  });

  it('makes folders once, also for many at once', async () => {
    const fresh = newChannel();
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        fresh.put(bodyOf(sample), { ...putOptions(), key: `2026/once/${n}.bin` }),
      ),
    );
    await fresh.put(bodyOf(sample), { ...putOptions(), key: '2026/once/later.bin' });
    const made = proxy.seen.filter(({ method }) => method === 'MKCOL').map(({ url }) => url);
    expect(made).toEqual(['/media/', '/media/2026/', '/media/2026/once/']);
    await fresh.close?.();
  });

  it.each([403, 409, 500])(
    'takes a folder whose MKCOL is answered %i for there when it is',
    async (status) => {
      await channel.put(bodyOf(sample), { ...putOptions(), key: `there/${++keys}.bin` });
      const fresh = newChannel();
      failNext('MKCOL', { kind: 'answer', status }, 9);
      await fresh.put(bodyOf(sample), { ...putOptions(), key: `there/${++keys}.bin` });
      await expect(
        fresh.put(bodyOf(sample), { ...putOptions(), key: `not-there-${status}/a.bin` }),
      ).rejects.toMatchObject({
        name: 'StowageError',
      });
      await fresh.close?.();
    },
  );

  it('makes a folder again that was removed behind our back', async () => {
    const key = () => `removed/${++keys}.bin`;
    await channel.put(bodyOf(sample), { ...putOptions(), key: key() });
    await rm(join(dav.root, 'media/removed'), { recursive: true });
    await expect(
      channel.put(bodyOf(sample), { ...putOptions(), key: key() }),
    ).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
    await channel.put(bodyOf(sample), { ...putOptions(), key: key() });
  });

  it('a caller that gives up does not take shared preparations from others', async () => {
    const fresh = newChannel();
    failNext('MKCOL', { kind: 'delay', ms: 200 });
    const controller = new AbortController();
    const first = fresh.put(bodyOf(sample), { ...putOptions(), signal: controller.signal });
    const second = fresh.put(bodyOf(sample), putOptions());
    controller.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    await second;
    await fresh.close?.();
  });

  it('a source that fails is passed on, also by a server that answers early', async () => {
    failNext('PUT', { kind: 'answer', status: 507 });
    const error = new Error('the caller hung up');
    const put = channel.put(
      streamBody(failAfter(bytesOf({ ...sample, size: 10 }), error), { size: sample.size }),
      putOptions(),
    );
    await expect(put).rejects.toThrow();
  });

  it('check: tells a wrong password, a missing folder and a server that is away', async () => {
    const wrong = newChannel({ password: 'not-the-password' });
    await expect(wrong.check({ signal })).rejects.toMatchObject({ code: 'channel_unauthorized' });
    const nowhere = newChannel({ baseUrl: `${proxy.url}/nowhere`, createDirectory: false });
    await expect(nowhere.check({ signal })).rejects.toMatchObject({ code: 'not_found' });
    const away = newChannel({ baseUrl: 'http://127.0.0.1:9' });
    await expect(away.check({ signal })).rejects.toMatchObject({ code: 'channel_unavailable' });
    const made = newChannel({ baseUrl: `${proxy.url}/made-by-check` });
    await made.check({ signal });
    await Promise.all([wrong, nowhere, away, made].map((each) => each.close?.()));
  });
});

function newChannel(settings: Record<string, unknown> = {}): Channel {
  const { username, password } = dav;
  return createWebdavChannel(
    webdavSettings.parse({ baseUrl: `${proxy.url}/media`, username, password, ...settings }),
  );
}

function putOptions(): PutOptions {
  return { key: `faults/${++keys}.bin`, contentType: 'image/png', signal };
}

function failNext(method: string, fault: Fault, times = 1): void {
  proxy.failNext(fault, { times, match: (request) => request.method === method });
}

async function read(
  ref: Parameters<Channel['get']>[0],
  range?: { start: number; end: number },
): Promise<Buffer> {
  const { stream } = await channel.get(ref, range === undefined ? { signal } : { signal, range });
  return Buffer.concat(await Array.fromAsync(stream));
}
