import { describe, expect, it } from 'vitest';
import { bodyOf, bufferOf } from '../../../test/conformance/channel/data.ts';
import { emulatedChannel } from '../../../test/emulators/cloudflare-images/emulated-channel.ts';
import { emulatedAccount } from '../../../test/emulators/cloudflare-images/emulator.ts';
import type { Channel, Ref } from '../../core/channel.ts';
import { deliveryUrl, signDeliveryUrl } from './delivery.ts';
import { cloudflareImagesSettings } from './settings.ts';

const signal = new AbortController().signal;
const sample = { seed: 5, size: 2000 };

describe('cloudflare_images addresses', () => {
  it('public images: hash, id and variant', async () => {
    const { channel } = await emulatedChannel({ formats: 'any' });
    const url = channel.url?.(await put(channel)) ?? '';
    expect(url).toMatch(
      new RegExp(`/${emulatedAccount.deliveryHash}/stowage-2026_-11_-a__b\\.png/public$`),
    );
    expect(await fetchBytes(url)).toEqual(bufferOf(sample));
  });

  it('private images: signed, for a time', async () => {
    const { channel, emulator } = await emulatedChannel(
      { formats: 'any' },
      { requireSignedUrls: true, signedUrlSeconds: 600 },
    );
    const url = channel.url?.(await put(channel)) ?? '';
    expect(await fetchBytes(url)).toEqual(bufferOf(sample));
    expect((await fetch(url.replace(/sig=./, 'sig=x'))).status).toBe(403);
    expect((await fetch(url.replace(/exp=\d/, 'exp=9'))).status).toBe(403);
    expect((await fetch(url.replace('/public?', '/large?'))).status).toBe(403);
    expect((await fetch(url.replace(/\?.*/, ''))).status).toBe(403);
    expect(url).not.toContain(emulatedAccount.signingKey);
    emulator.advance(601_000);
    expect((await fetch(url)).status).toBe(403);
  });

  it('none without a hash, and none for private images without a key', () => {
    const settings = { accountId: 'a', apiToken: 'token' };
    const of = (extra: object) =>
      deliveryUrl(cloudflareImagesSettings.parse({ ...settings, ...extra }), 'id', 0);
    expect(of({})).toBeUndefined();
    expect(of({ deliveryHash: 'hash', requireSignedUrls: true })).toBeUndefined();
    expect(of({ deliveryHash: 'hash', variant: 'w=200,h=100' })).toBe(
      'https://imagedelivery.net/hash/id/w=200,h=100',
    );
  });

  it('signs path and query as HMAC-SHA256 in hex', () => {
    const url =
      'https://imagedelivery.net/cheeW4oKsx5ljh8e8BoL2A/bc27a117-9509-446b-8c69-c81bfeac0a01/mobile';
    const signed = new URL(
      signDeliveryUrl(url, { signingKey: 'this is a secret', expiresAtSeconds: 1_631_289_275 }),
    );
    expect([...signed.searchParams.keys()]).toEqual(['exp', 'sig']);
    expect(signed.searchParams.get('exp')).toBe('1631289275');
    // printf '%s'
    // '/cheeW4oKsx5ljh8e8BoL2A/bc27a117-9509-446b-8c69-c81bfeac0a01/mobile?exp=1631289275' |
    // openssl dgst -sha256 -hmac 'this is a secret'
    expect(signed.searchParams.get('sig')).toBe(
      '77d3f91af4c1c9199a3dec74098b4be64485d3887164e936349023a4e7c4f4a1',
    );
  });
});

async function put(channel: Channel): Promise<Ref> {
  const { ref } = await channel.put(bodyOf(sample), {
    key: '2026/11/a_b.png',
    contentType: 'image/png',
    signal,
  });
  return ref;
}

async function fetchBytes(url: string): Promise<Buffer> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}
