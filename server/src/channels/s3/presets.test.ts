import { expect, it } from 'vitest';
import type { Channel } from '../../core/channel.ts';
import { createProber } from '../../images/prober.ts';
import { drivers, findDriver } from '../index.ts';

const keys = { bucket: 'photos', accessKeyId: 'AKIATEST', secretAccessKey: 'very-secret' };
const accountId = '0123456789abcdef0123456789abcdef';

async function open(type: string, settings: object): Promise<Channel> {
  const driver = findDriver(type);
  if (driver === undefined) {
    throw new Error(`no driver ${type}`);
  }
  return driver.create({ ...keys, ...settings }, { dataDir: '/nowhere', prober: createProber() });
}

it.each([
  ['s3', {}, 'photos.s3.us-east-1.amazonaws.com/k', 'us-east-1'],
  ['s3', { endpoint: 'https://s3.example.com', region: 'x' }, 's3.example.com/photos/k', 'x'],
  [
    's3',
    { endpoint: 'https://s3.example.com', pathStyle: false, prefix: '/a/b' },
    'photos.s3.example.com/a/b/k',
    'us-east-1',
  ],
  ['r2', { accountId }, `${accountId}.r2.cloudflarestorage.com/photos/k`, 'auto'],
  [
    'cfr2',
    { accountId, jurisdiction: 'eu' },
    `${accountId}.eu.r2.cloudflarestorage.com/photos/k`,
    'auto',
  ],
  [
    'r2',
    { accountId, endpoint: 'https://r2-proxy.example.com' },
    'r2-proxy.example.com/photos/k',
    'auto',
  ],
  ['minio', { endpoint: 'http://minio:9000' }, 'minio:9000/photos/k', 'us-east-1'],
  ['b2', { region: 'us-west-004' }, 'photos.s3.us-west-004.backblazeb2.com/k', 'us-west-004'],
  ['wasabi', { region: 'eu-central-1' }, 's3.eu-central-1.wasabisys.com/photos/k', 'eu-central-1'],
  ['spaces', { region: 'fra1' }, 'photos.fra1.digitaloceanspaces.com/k', 'us-east-1'],
])('%s %o addresses %s', async (type, settings, address, region) => {
  const channel = await open(type, settings);
  const signal = new AbortController().signal;
  const upload = await channel.presign?.start({
    key: 'k',
    contentType: 'a/b',
    filename: 'k',
    expiresInSeconds: 60,
    signal,
  });
  const url = new URL(upload?.url ?? '');
  expect(`${url.host}${url.pathname}`).toBe(address);
  expect(url.searchParams.get('X-Amz-Credential')).toMatch(
    new RegExp(`^AKIATEST/\\d{8}/${region}/s3/aws4_request$`),
  );
  await channel.close?.();
});

it('R2 is the group cfr2, shown as CloudflareR2, everything else s3', () => {
  const ours = ['s3', 'r2', 'cfr2', 'minio', 'b2', 'wasabi', 'spaces'];
  const listed = drivers
    .filter(({ type }) => ours.includes(type))
    .map(({ type, group }) => `${type} ${group.name} ${group.label}`);
  expect(listed.sort()).toEqual([
    'b2 s3 S3',
    'cfr2 cfr2 CloudflareR2',
    'minio s3 S3',
    'r2 cfr2 CloudflareR2',
    's3 s3 S3',
    'spaces s3 S3',
    'wasabi s3 S3',
  ]);
});

it.each([
  ['s3', { endpoint: 'ftp://s3.example.com' }],
  ['s3', { bucket: 'a/../b' }],
  ['s3', { bucket: 'photos--use1-az4--x-s3' }],
  ['s3', { region: 'evil.example.com/' }],
  ['s3', { region: 'us_east' }],
  ['s3', { unknown: true }],
  ['s3', { partSizeBytes: 1024 }],
  ['s3', { secretAccessKey: '' }],
  ['r2', { accountId: 'short' }],
  ['r2', { accountId, endpoint: 'ftp://elsewhere.example.com' }],
  ['minio', {}],
  ['minio', { endpoint: 'http://minio:9000', region: '-' }],
  ['b2', { region: 'evil.example.com/' }],
  ['spaces', { region: 'fra1.evil' }],
])('%s refuses %o', async (type, settings) => {
  await expect(open(type, settings)).rejects.toThrow();
});

it('links go to the public address, with and without a slash at its end', async () => {
  for (const publicUrl of ['https://cdn.example.com/x', 'https://cdn.example.com/x/']) {
    const channel = await open('s3', { publicUrl, prefix: 'media' });
    const ref = channel.locate?.('2026/a b.png') ?? null;
    expect(ref).toEqual({ key: 'media/2026/a b.png' });
    expect(channel.url?.(ref)).toBe('https://cdn.example.com/x/media/2026/a%20b.png');
  }
  const channel = await open('s3', {});
  expect(channel.url?.({ key: 'a' })).toBeUndefined();
});
