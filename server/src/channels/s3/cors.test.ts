import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type S3Service, s3Missing, startS3 } from '../../../test/services/s3.ts';
import { openTestBucket } from './test-bucket.ts';

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

  it('only reports what is missing unless it may write', async () => {
    const channel = await open({});
    const report = await channel.ensureCors(['https://a.example'], { signal, mayWrite: true });
    expect(report).toMatchObject({
      state: 'missing',
      rule: { AllowedOrigins: ['https://a.example'], AllowedMethods: ['PUT'] },
    });
    expect(await channel.ensureCors(['https://a.example'], { signal, mayWrite: true })).toEqual(
      report,
    );
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
    expect(await preflight(url, 'https://a.example')).toBe(403);
    expect(
      await channel.ensureCors(['https://a.example'], { signal, mayWrite: false }),
    ).toMatchObject({
      state: 'missing',
      message: expect.stringContaining('doctor --fix'),
    });
    expect(await channel.ensureCors(['https://a.example'], { signal, mayWrite: true })).toEqual({
      state: 'changed',
    });
    expect(await channel.ensureCors(['https://a.example'], { signal, mayWrite: true })).toEqual({
      state: 'ok',
    });
    expect(await preflight(url, 'https://a.example')).toBe(200);
    expect(await preflight(url, 'https://b.example')).toBe(403);
    expect(await channel.ensureCors(['https://b.example'], { signal, mayWrite: true })).toEqual({
      state: 'changed',
    });
    expect(await preflight(url, 'https://b.example')).toBe(200);
  });

  it('says so when the rules cannot be read', async () => {
    const channel = await open({ accessKeyId: 'AKIAWRONG' });
    expect(
      await channel.ensureCors(['https://a.example'], { signal, mayWrite: true }),
    ).toMatchObject({ state: 'unknown' });
  });
});
