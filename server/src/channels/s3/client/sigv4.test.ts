import { createHash, createHmac, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalQuery, createSigner, escapeKey, escapeUri, type RequestToSign } from './sigv4.ts';

const keys = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const emptyHash = createHash('sha256').digest('hex');

describe('the examples that Amazon publishes', () => {
  const at = Date.UTC(2013, 4, 24);
  const host = 'examplebucket.s3.amazonaws.com';
  const signer = createSigner(keys, 'us-east-1');

  it.each<[string, RequestToSign, string, string]>([
    [
      'GET object',
      { method: 'GET', path: '/test.txt', headers: { host, range: 'bytes=0-9' } },
      emptyHash,
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ],
    [
      'PUT object',
      {
        method: 'PUT',
        path: `/${escapeKey('test$file.text')}`,
        headers: {
          host,
          date: 'Fri, 24 May 2013 00:00:00 GMT',
          'x-amz-storage-class': 'REDUCED_REDUNDANCY',
        },
      },
      createHash('sha256').update('Welcome to Amazon S3.').digest('hex'),
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    ],
    [
      'GET bucket lifecycle',
      { method: 'GET', path: '/', query: { lifecycle: '' }, headers: { host } },
      emptyHash,
      'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    ],
    [
      'list objects',
      { method: 'GET', path: '/', query: { prefix: 'J', 'max-keys': '2' }, headers: { host } },
      emptyHash,
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    ],
  ])('%s', (_, request, payload, signature) => {
    const signed = signer.sign(request, { payload, at });
    const names = Object.keys({
      ...request.headers,
      'x-amz-content-sha256': '',
      'x-amz-date': '',
    }).sort();
    expect(signed.authorization).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ' +
        `SignedHeaders=${names.join(';')}, Signature=${signature}`,
    );
    expect(signed).toMatchObject({ ...request.headers, 'x-amz-date': '20130524T000000Z' });
  });
});

/** What the signer of the SDK wants as its hash. */
class Sha256 {
  #hash: ReturnType<typeof createHash> | Hmac;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash =
      secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Uint8Array);
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(data as Uint8Array);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

describe('beside the signer of the SDK', () => {
  // Whole characters: half a surrogate pair is in no file name and cannot be escaped.
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.string({ unit: 'binary', maxLength: 12 }),
  );
  const key = fc.array(
    fc.oneof(text, fc.constantFrom('', '.', '..', 'a b', "!'()*~", '%41', '+&=?#')),
    {
      minLength: 1,
      maxLength: 5,
    },
  );
  const word = fc.string({
    unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-'),
    minLength: 1,
    maxLength: 15,
  });
  const value = fc.string({ unit: fc.constantFrom(...' \t"\'/;=,abcXYZ09~é'), maxLength: 20 });
  // The SDK signs none of these, and neither do we send them.
  const unsigned =
    /^(authorization|cache-control|connection|expect|from|keep-alive|max-forwards|pragma|referer|te|trailer|transfer-encoding|upgrade|user-agent|host|(proxy|sec)-.*)$/;
  const request = fc.record({
    method: fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'HEAD'),
    path: key.map((segments) => `/photos/${escapeKey(segments.join('/'))}`),
    query: fc.dictionary(
      text.filter((name) => !/^$|^x-amz-signature$|^__proto__$/i.test(name)),
      text,
      { maxKeys: 4, noNullPrototype: true },
    ),
    headers: fc
      .dictionary(
        fc.oneof(
          word,
          word.map((name) => `x-amz-${name}`),
        ),
        value,
        { maxKeys: 5, noNullPrototype: true },
      )
      .map((headers) => ({
        ...Object.fromEntries(Object.entries(headers).filter(([name]) => !unsigned.test(name))),
        host: 's3.example.com:9000',
      })),
  });
  const credentials = fc.record({
    accessKeyId: fc.string({ minLength: 1, maxLength: 20 }),
    secretAccessKey: fc.string({ minLength: 1, maxLength: 40 }),
    sessionToken: fc.option(fc.base64String({ minLength: 4, maxLength: 60 }), { nil: undefined }),
  });
  const place = fc.tuple(
    fc.constantFrom('us-east-1', 'auto', 'eu-central-003'),
    fc.integer({ min: 0, max: 4e12 }),
  );

  function theirs(
    own: { accessKeyId: string; secretAccessKey: string; sessionToken: string | undefined },
    region: string,
  ): SignatureV4 {
    const { sessionToken, ...rest } = own;
    return new SignatureV4({
      credentials: { ...rest, ...(sessionToken !== undefined && { sessionToken }) },
      region,
      service: 's3',
      sha256: Sha256,
      uriEscapePath: false,
    });
  }

  const toTheirs = ({ headers, ...rest }: RequestToSign) => ({
    ...rest,
    query: { ...rest.query },
    protocol: 'https:',
    hostname: 's3.example.com',
    port: 9000,
    headers: { ...headers },
  });

  it('signs every request alike', async () => {
    await fc.assert(
      fc.asyncProperty(request, credentials, place, async (toSign, own, [region, at]) => {
        const payload = 'UNSIGNED-PAYLOAD';
        const asked = toTheirs({
          ...toSign,
          headers: { ...toSign.headers, 'x-amz-content-sha256': payload },
        });
        const expected = await theirs(own, region).sign(asked, { signingDate: new Date(at) });
        expect(createSigner(own, region).sign(toSign, { payload, at })).toEqual(expected.headers);
      }),
      { numRuns: 300 },
    );
  });

  it('presigns every address alike', async () => {
    const expiry = fc.integer({ min: 1, max: 604_800 });
    await fc.assert(
      fc.asyncProperty(
        request,
        credentials,
        place,
        expiry,
        async (toSign, own, [region, at], expiresInSeconds) => {
          const names = Object.keys(toSign.headers);
          const asked = toTheirs({
            ...toSign,
            query: { ...toSign.query, 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' },
          });
          // Where the SDK looks for the hash of the body; it is not sent.
          const withHash = {
            ...asked,
            headers: { ...asked.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
          };
          const { query } = await theirs(own, region).presign(withHash, {
            expiresIn: expiresInSeconds,
            signingDate: new Date(at),
            unhoistableHeaders: new Set([...names, 'x-amz-content-sha256']),
            signableHeaders: new Set(names),
            unsignableHeaders: new Set(['x-amz-content-sha256']),
          });
          const ours = createSigner(own, region).presign(toSign, { expiresInSeconds, at });
          expect(Object.fromEntries(new URLSearchParams(ours))).toEqual(query);
        },
      ),
      { numRuns: 300 },
    );
  });
});

it('a signer keeps the key of a day and no longer', () => {
  const days = [Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 2), Date.UTC(2026, 0, 1)];
  const request = { method: 'GET', path: '/a', headers: { host: 'h' } };
  const signer = createSigner(keys, 'us-east-1');
  const sign = (own: typeof signer, at: number) =>
    own.sign(request, { payload: emptyHash, at }).authorization;
  expect(days.map((at) => sign(signer, at))).toEqual(
    days.map((at) => sign(createSigner(keys, 'us-east-1'), at)),
  );
});

it('escapes by the rules of RFC 3986, what a key may hold as much as the rest', () => {
  expect(escapeUri("a/b c+d!'()*~%é")).toBe('a%2Fb%20c%2Bd%21%27%28%29%2A~%25%C3%A9');
  expect(escapeKey('a b/../é//')).toBe('a%20b/../%C3%A9//');
  expect(canonicalQuery({ b: '1', a: 'x y', 'a-': '', A: '/' })).toBe('A=%2F&a=x%20y&a-=&b=1');
});
