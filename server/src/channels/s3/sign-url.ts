import { HeadBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl, S3RequestPresigner } from '@aws-sdk/s3-request-presigner';

/** Signature version 4 allows no more than a week. */
const maxExpirySeconds = 7 * 24 * 3600;

/** A PUT that a client is to send. */
export interface PutToSign {
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  /** What the client must repeat exactly; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly expiresInSeconds: number;
}

export type SignUrl = (put: PutToSign) => Promise<string>;

/** Where the bucket is, and the region that its service signs for. */
interface BucketAddress {
  readonly origin: URL;
  /** Empty where the bucket is part of the host. */
  readonly path: string;
  readonly region: string;
}

/**
 * Presigned addresses in a bucket, straight from the signer: a command of the SDK for each would take eight times as long, and add checksums of a body that
 * it has not seen. A wrong clock here was noticed and measured by the SDK in the responses it got.
 */
export function createSignUrl(client: S3Client, bucket: string): SignUrl {
  const presigner = new S3RequestPresigner({ ...client.config });
  let address: Promise<BucketAddress> | undefined;
  return async ({ key, query = {}, headers, expiresInSeconds }) => {
    address ??= locate(client, bucket);
    const { origin, path, region } = await address;
    const request = {
      method: 'PUT',
      protocol: origin.protocol,
      hostname: origin.hostname,
      ...(origin.port !== '' && { port: Number(origin.port) }),
      path: `${path}/${key.split('/').map(escapeUri).join('/')}`,
      query: { ...query },
      headers: { ...headers, host: origin.host },
    };
    const names = Object.keys(headers);
    const signed = await presigner.presign(request, {
      expiresIn: Math.min(expiresInSeconds, maxExpirySeconds),
      signingDate: new Date(Date.now() + client.config.systemClockOffset),
      signingRegion: region,
      signableHeaders: new Set(['host', ...names]),
      unhoistableHeaders: new Set(names),
    });
    const parameters = Object.entries(signed.query ?? {}).map(
      ([name, value]) => `${escapeUri(name)}=${escapeUri(String(value))}`,
    );
    return `${origin.origin}${signed.path}?${parameters.join('&')}`;
  };
}

/** As the SDK's own rules have it for this endpoint, region and style of paths. */
async function locate(client: S3Client, bucket: string): Promise<BucketAddress> {
  const url = new URL(await getSignedUrl(client, new HeadBucketCommand({ Bucket: bucket })));
  const [, , region = ''] = url.searchParams.get('X-Amz-Credential')?.split('/') ?? [];
  return { origin: url, path: url.pathname.replace(/\/$/, ''), region };
}

/** RFC 3986, as signatures want it. */
function escapeUri(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}
