import { isIP } from 'node:net';
import type { S3Settings } from '../settings.ts';
import { escapeUri } from './sigv4.ts';

/** Where the bucket is, and the region that its service signs for. */
export interface BucketAddress {
  readonly origin: string;
  readonly host: string;
  /** In front of the slash and the key. Empty where the bucket is part of the host. */
  readonly path: string;
  readonly region: string;
}

/** Regions of Amazon outside its usual domain. */
const domainsByRegion: readonly (readonly [RegExp, string])[] = [
  [/^cn-/, 'amazonaws.com.cn'],
  [/^eusc-/, 'amazonaws.eu'],
  [/^us-iso-/, 'c2s.ic.gov'],
  [/^us-isob-/, 'sc2s.sgov.gov'],
  [/^eu-isoe-/, 'cloud.adc-e.uk'],
  [/^us-isof-/, 'csp.hci.ic.gov'],
];

type Location = Pick<S3Settings, 'bucket' | 'endpoint' | 'region' | 'pathStyle'>;

/**
 * The bucket stands in the host name where the settings ask for that and its name allows it,
 * otherwise in the path.
 */
export function addressOf({ bucket, endpoint, region, pathStyle }: Location): BucketAddress {
  const base = new URL(endpoint ?? amazonOf(region));
  const inPath = pathStyle ?? endpoint !== undefined;
  const basePath = base.pathname.replace(/\/+$/, '');
  const signed = { region: region === 'aws-global' ? 'us-east-1' : region };
  if (inPath || !fitsHost(bucket, base)) {
    return {
      origin: base.origin,
      host: base.host,
      path: `${basePath}/${escapeUri(bucket)}`,
      ...signed,
    };
  }
  const host = `${bucket}.${base.host}`;
  return { origin: `${base.protocol}//${host}`, host, path: basePath, ...signed };
}

function amazonOf(region: string): string {
  const domain = domainsByRegion.find(([pattern]) => pattern.test(region))?.[1] ?? 'amazonaws.com';
  return region === 'aws-global' ? `https://s3.${domain}` : `https://s3.${region}.${domain}`;
}

/** A dot in the name would not match the wildcard certificate that such services have. */
function fitsHost(bucket: string, base: URL): boolean {
  const labels = base.protocol === 'http:' ? bucket.split('.') : [bucket];
  const isLabel = (label: string): boolean => /^[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]$/.test(label);
  return labels.every(isLabel) && isIP(base.hostname.replace(/^\[|\]$/g, '')) === 0;
}
