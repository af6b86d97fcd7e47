import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type S3Service, s3Missing, startS3 } from '../../../test/services/s3.ts';
import { openTestBucket, testSettings } from '../../../test/services/s3-bucket.ts';
import type { Channel } from '../../core/channel.ts';
import { createS3Channel } from './channel.ts';

const signal = new AbortController().signal;

describe.skipIf(s3Missing !== undefined)('CORS rules of the bucket', () => {
  let service: S3Service;
  const opened: Awaited<ReturnType<typeof openTestBucket>>[] = [];
  beforeAll(async () => {
    service = await startS3();
  });
  afterAll(async () => {
    for (const { channel, destroy } of opened) {
      await channel.close?.().then(destroy);
    }
    await service?.stop();
  });

  async function open(settings: object) {
    const bucket = await openTestBucket(service, { ...settings });
    opened.push(bucket);
    return bucket.channel;
  }

  async function preflight(url: string, origin: string): Promise<number> {
    const headers = {
      origin,
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'content-type',
    };
    return (await fetch(url, { method: 'OPTIONS', headers })).status;
  }

  const inspect = async (channel: Channel, origin: string, mayChange = true) => {
    const [finding] = (await channel.inspect?.({ origins: [origin], mayChange, signal })) ?? [];
    return finding;
  };
  const lacks = {
    topic: 'CORS',
    ok: false,
    message: expect.stringMatching(
      /^The CORS rules of bucket .* do not allow uploads from https:\/\/a\.example\. .*"AllowedOrigins":\["https:\/\/a\.example"\],"AllowedMethods":\["PUT"\]/,
    ),
  };

  it('only reports what is missing unless the settings let it change rules', async () => {
    const channel = await open({});
    expect(await inspect(channel, 'https://a.example')).toEqual(lacks);
    expect(await inspect(channel, 'https://a.example')).toEqual(lacks);
  });

  it('writes the rule, then a browser may upload from there and not from elsewhere', async () => {
    const channel = await open({ manageCors: true });
    const options = {
      key: 'a',
      contentType: 'image/png',
      filename: 'a',
      expiresInSeconds: 60,
      signal,
    };
    const { url } = (await channel.presign?.start(options)) ?? { url: '' };
    const allowed = 'uploads from https://a.example are allowed';
    expect(await preflight(url, 'https://a.example')).toBe(403);
    const asked = await inspect(channel, 'https://a.example', false);
    expect(asked).toEqual(lacks);
    expect(asked?.message).toContain('doctor --fix');
    expect(await inspect(channel, 'https://a.example')).toEqual({
      topic: 'CORS',
      ok: true,
      message: `${allowed} as of now`,
    });
    expect(await inspect(channel, 'https://a.example')).toMatchObject({
      ok: true,
      message: allowed,
    });
    expect(await preflight(url, 'https://a.example')).toBe(200);
    expect(await preflight(url, 'https://b.example')).toBe(403);
    expect(await inspect(channel, 'https://b.example')).toMatchObject({ ok: true });
    expect(await preflight(url, 'https://b.example')).toBe(200);
  });

  it('is a finding when the rules cannot be read, or the store cannot be reached', async () => {
    const wrongKey = await open({ accessKeyId: 'AKIAWRONG' });
    expect(await inspect(wrongKey, 'https://a.example')).toMatchObject({
      ok: false,
      message: expect.stringMatching(
        /^The CORS rules of the bucket could not be handled: .*Browsers need/,
      ),
    });
    const nowhere = createS3Channel(testSettings({ endpoint: 'http://127.0.0.1:9' }));
    expect(await inspect(nowhere, 'https://a.example')).toMatchObject({ topic: 'CORS', ok: false });
    await nowhere.close?.();
  });
});
