import { createHmac, hash } from 'node:crypto';
import { defined } from '../../shared/defined.ts';

export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** A request as it goes out. Every header in `headers` is signed, so `host` must be among them. */
export interface RequestToSign {
  readonly method: string;
  /** Escaped already, from the first slash to before the question mark. It is signed as it is. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Signer {
  /**
   * All headers of the request: its own and those that the signature adds. `payload` is a SHA-256
   * in hex or a word such as `UNSIGNED-PAYLOAD`.
   */
  sign(
    request: RequestToSign,
    options: { readonly payload: string; readonly at: number },
  ): Record<string, string>;
  /**
   * The query of an address that works for `expiresInSeconds`, its signature included. The body is
   * not signed.
   */
  presign(
    request: RequestToSign,
    options: { readonly expiresInSeconds: number; readonly at: number },
  ): string;
}

const algorithm = 'AWS4-HMAC-SHA256';

/** Signature version 4 for one region of S3, where paths are escaped once and never normalised. */
export function createSigner(credentials: SigningCredentials, region: string): Signer {
  const { accessKeyId, sessionToken } = credentials;
  const keyOfDay = createKeyCache(credentials.secretAccessKey, region);
  const scopeOf = (day: string): string => `${day}/${region}/s3/aws4_request`;

  const signatureOf = (canonical: string, time: string): string => {
    const day = time.slice(0, 8);
    const text = `${algorithm}\n${time}\n${scopeOf(day)}\n${hash('sha256', canonical, 'hex')}`;
    return createHmac('sha256', keyOfDay(day)).update(text).digest('hex');
  };

  return {
    sign(request, { payload, at }) {
      const time = timestamp(at);
      const headers = defined({
        ...request.headers,
        'x-amz-content-sha256': payload,
        'x-amz-date': time,
        'x-amz-security-token': sessionToken,
      });
      const { names, lines } = canonicalHeaders(headers);
      const query = request.query === undefined ? '' : canonicalQuery(request.query);
      const signature = signatureOf(
        `${request.method}\n${request.path}\n${query}\n${lines}\n${names}\n${payload}`,
        time,
      );
      const credential = `${accessKeyId}/${scopeOf(time.slice(0, 8))}`;
      headers.authorization = `${algorithm} Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`;
      return headers;
    },
    presign(request, { expiresInSeconds, at }) {
      const time = timestamp(at);
      const { names, lines } = canonicalHeaders(request.headers);
      const query = canonicalQuery(
        defined({
          ...request.query,
          'X-Amz-Algorithm': algorithm,
          'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD',
          'X-Amz-Credential': `${accessKeyId}/${scopeOf(time.slice(0, 8))}`,
          'X-Amz-Date': time,
          'X-Amz-Expires': String(expiresInSeconds),
          'X-Amz-SignedHeaders': names,
          'X-Amz-Security-Token': sessionToken,
        }),
      );
      const canonical = `${request.method}\n${request.path}\n${query}\n${lines}\n${names}\nUNSIGNED-PAYLOAD`;
      return `${query}&X-Amz-Signature=${signatureOf(canonical, time)}`;
    },
  };
}

/** The key of a day costs four HMACs and signs every request of that day. */
function createKeyCache(secretAccessKey: string, region: string): (day: string) => Buffer {
  let cached: { readonly day: string; readonly key: Buffer } | undefined;
  return (day) => {
    if (cached?.day !== day) {
      const parts = [day, region, 's3', 'aws4_request'];
      const first = Buffer.from(`AWS4${secretAccessKey}`);
      cached = {
        day,
        key: parts.reduce((key, part) => createHmac('sha256', key).update(part).digest(), first),
      };
    }
    return cached.key;
  };
}

function canonicalHeaders(headers: Readonly<Record<string, string>>) {
  const sorted = Object.entries(headers).sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = sorted.map(([name, value]) => `${name}:${squeeze(value)}\n`).join('');
  return { names: sorted.map(([name]) => name).join(';'), lines };
}

function squeeze(value: string): string {
  return value.replace(/[ \t\r\n]+/g, ' ').replace(/^ | $/g, '');
}

/** Escaped and in the order that is signed; it is sent in the same form. */
export function canonicalQuery(query: Readonly<Record<string, string>>): string {
  const parameters = Object.entries(query).map(
    ([name, value]) => [escapeUri(name), escapeUri(value)] as const,
  );
  parameters.sort(([a], [b]) => (a < b ? -1 : 1));
  return parameters.map(([name, value]) => `${name}=${value}`).join('&');
}

/** Everything but the unreserved characters of RFC 3986 as `%XX`. */
export function escapeUri(text: string): string {
  if (/^[\w.~-]*$/.test(text)) {
    return text;
  }
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** A key as it stands in a path: the slashes stay. */
export function escapeKey(key: string): string {
  return /^[\w.~/-]*$/.test(key) ? key : key.split('/').map(escapeUri).join('/');
}

/** `20130524T000000Z` */
function timestamp(at: number): string {
  return new Date(at).toISOString().replace(/[:-]|\.\d{3}/g, '');
}
