import { createHmac } from 'node:crypto';
import type { CloudflareImagesSettings } from './settings.ts';

type DeliverySettings = Pick<
  CloudflareImagesSettings,
  | 'deliveryBase'
  | 'deliveryHash'
  | 'variant'
  | 'requireSignedUrls'
  | 'signingKey'
  | 'signedUrlSeconds'
>;

/**
 * Address an image is delivered from, resized and recompressed by the variant. Undefined without a
 * delivery hash, or when images need signatures and there is no key.
 */
export function deliveryUrl(
  settings: DeliverySettings,
  id: string,
  nowMs: number,
): string | undefined {
  const { deliveryBase, deliveryHash, variant, signingKey, requireSignedUrls } = settings;
  if (deliveryHash === undefined) {
    return undefined;
  }
  const url = `${deliveryBase.replace(/\/+$/, '')}/${deliveryHash}/${encodeURIComponent(id)}/${variant}`;
  if (!requireSignedUrls) {
    return url;
  }
  if (signingKey === undefined) {
    return undefined;
  }
  return signDeliveryUrl(url, {
    signingKey,
    expiresAtSeconds: Math.floor(nowMs / 1000) + settings.signedUrlSeconds,
  });
}

/** Signs path and query, hex HMAC-SHA256. */
export function signDeliveryUrl(
  url: string,
  options: { signingKey: string; expiresAtSeconds: number },
): string {
  const signed = new URL(url);
  signed.searchParams.set('exp', String(options.expiresAtSeconds));
  const text = `${signed.pathname}?${signed.searchParams.toString()}`;
  signed.searchParams.set(
    'sig',
    createHmac('sha256', options.signingKey).update(text).digest('hex'),
  );
  return signed.toString();
}
