import { IncomingMessage } from 'node:http';
import { isIP, Socket } from 'node:net';
import fc from 'fast-check';
import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { setCallerAddress, unbelievedHeader } from './client-address.ts';
import { requestOrigin } from './request-origin.ts';
import { type TrustProxy, trustOf } from './trust-proxy.ts';

function requestFrom(remoteAddress: string, headers: Record<string, string> = {}): IncomingMessage {
  const socket = Object.defineProperties(new Socket(), {
    remoteAddress: { value: remoteAddress },
    localAddress: { value: '::ffff:192.0.2.1' },
    localPort: { value: 8080 },
  });
  const request = new IncomingMessage(socket);
  Object.assign(request.headers, headers);
  return request;
}

interface Seen {
  readonly ip: string;
  readonly unbelieved?: ReturnType<typeof unbelievedHeader>;
}

/** A request through Fastify, set up as `server.ts` does. */
async function seen(
  trustProxy: TrustProxy,
  remoteAddress: string,
  headers: Record<string, string> = {},
): Promise<Seen> {
  const app = Fastify({ trustProxy: trustOf(trustProxy) });
  app.addHook('onRequest', (request, _reply, done) => {
    setCallerAddress(request, trustProxy);
    done();
  });
  app.get('/', (request) => ({
    ip: request.ip,
    unbelieved: unbelievedHeader(request, trustProxy),
  }));
  return (await app.inject({ url: '/', remoteAddress, headers })).json();
}

const chain = { 'x-forwarded-for': 'spoofed, 198.51.100.7, 10.0.0.2:4711 ,[fd00::1]:80' };

describe('request.ip', () => {
  it.each<[TrustProxy, string]>([
    [false, '127.0.0.1'],
    [['10.0.0.0/8'], '127.0.0.1'],
    [['loopback'], 'fd00::1'],
    [['loopback', 'fd00::/8'], '10.0.0.2'],
    [['loopback', 'uniquelocal'], '198.51.100.7'],
    [['127.0.0.1', 'fd00::1', '10.0.0.2', '198.51.100.7'], '198.51.100.7'],
    [1, 'fd00::1'],
    [2, '10.0.0.2'],
    [3, '198.51.100.7'],
    [9, '198.51.100.7'],
    [true, '198.51.100.7'],
    [['0.0.0.0/0', '::/0'], '198.51.100.7'],
  ])('trusting %j it is %s', async (trustProxy, address) =>
    expect(await seen(trustProxy, '::ffff:127.0.0.1', chain)).toMatchObject({ ip: address }),
  );

  it.each<
    [
      name: string,
      trustProxy: TrustProxy,
      forwarded: string | undefined,
      real: string | undefined,
      address: string,
    ]
  >([
    ['X-Real-IP alone', ['uniquelocal'], undefined, '198.51.100.7', '198.51.100.7'],
    ['both, which agree', ['uniquelocal'], '198.51.100.7', '198.51.100.7', '198.51.100.7'],
    ['both, which agree in other spellings', 1, '[2001:db8::1]:99', '2001:DB8::1', '2001:db8::1'],
    [
      'what the caller wrote in front',
      ['uniquelocal'],
      '203.0.113.1, 198.51.100.7',
      '198.51.100.7',
      '198.51.100.7',
    ],
    [
      'X-Real-IP naming a trusted hop on the way',
      2,
      '198.51.100.7, 10.0.0.2',
      '10.0.0.2',
      '198.51.100.7',
    ],
    ['X-Forwarded-For of the caller', ['uniquelocal'], '203.0.113.1', '198.51.100.7', '10.0.0.1'],
    [
      'X-Forwarded-For of the caller that names the proxy',
      ['uniquelocal'],
      '10.0.0.1',
      '198.51.100.7',
      '10.0.0.1',
    ],
    ['X-Real-IP of the caller', 1, '198.51.100.7', '203.0.113.1', '10.0.0.1'],
    [
      'X-Real-IP of the caller beside its own',
      1,
      '198.51.100.7',
      '203.0.113.1, 198.51.100.7',
      '10.0.0.1',
    ],
    ['no address in one of them', 1, '198.51.100.7', 'unknown', '10.0.0.1'],
    ['no address in the other', 1, 'unknown', '198.51.100.7', '10.0.0.1'],
    [
      'all hops believed, the farthest made up',
      true,
      '203.0.113.1, 198.51.100.7',
      '198.51.100.7',
      '10.0.0.1',
    ],
    ['all hops believed, agreeing', true, '198.51.100.7', '198.51.100.7', '198.51.100.7'],
    [
      'X-Real-IP named',
      ['uniquelocal', 'x-real-ip'],
      '203.0.113.1',
      '198.51.100.7',
      '198.51.100.7',
    ],
    [
      'X-Forwarded-For named',
      ['uniquelocal', 'x-forwarded-for'],
      '198.51.100.7',
      '203.0.113.1',
      '198.51.100.7',
    ],
    [
      'only the other one than the named',
      ['uniquelocal', 'x-real-ip'],
      '203.0.113.1',
      undefined,
      '10.0.0.1',
    ],
  ])('with %s', async (_, trustProxy, forwarded, real, address) => {
    const headers = {
      ...(forwarded && { 'x-forwarded-for': forwarded }),
      ...(real && { 'x-real-ip': real }),
    };
    expect(await seen(trustProxy, '10.0.0.1', headers)).toMatchObject({ ip: address });
    if (trustProxy !== true && typeof trustProxy !== 'number') {
      expect(await seen(trustProxy, '8.8.8.8', headers)).toMatchObject({ ip: '8.8.8.8' });
    }
  });

  it('believes no header of a caller that is not trusted', async () => {
    const names = [
      'x-forwarded-for',
      'x-real-ip',
      'cf-connecting-ip',
      'true-client-ip',
      'forwarded',
      'x-client-ip',
      'via',
      'x-host',
    ];
    const headers = fc.dictionary(
      fc.constantFrom(...names),
      fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()),
    );
    const trust = fc.constantFrom<TrustProxy>(false, ['10.0.0.0/8', 'loopback'], []);
    await fc.assert(
      fc.asyncProperty(headers, trust, async (forged, trustProxy) => {
        expect((await seen(trustProxy, '198.51.100.7', forged)).ip).toBe('198.51.100.7');
      }),
    );
  });

  it('always is an address, whatever a proxy sends', async () => {
    const hop = fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.constant(''));
    const list = fc.array(hop).map((hops) => hops.join(','));
    await fc.assert(
      fc.asyncProperty(list, async (forwarded) => {
        const { ip } = await seen(true, '10.0.0.1', { 'x-forwarded-for': forwarded });
        expect(isIP(ip)).not.toBe(0);
      }),
    );
  });
});

describe('unbelievedHeader', () => {
  it.each<[Record<string, string>, TrustProxy, ReturnType<typeof unbelievedHeader>]>([
    [{}, false, undefined],
    [
      { 'x-forwarded-for': '1.2.3.4' },
      false,
      { header: 'x-forwarded-for', peer: '10.0.0.1', reason: 'untrusted' },
    ],
    [
      { 'cf-connecting-ip': '1.2.3.4' },
      ['loopback'],
      { header: 'cf-connecting-ip', peer: '10.0.0.1', reason: 'untrusted' },
    ],
    [
      { forwarded: 'for=1.2.3.4' },
      false,
      { header: 'forwarded', peer: '10.0.0.1', reason: 'untrusted' },
    ],
    [{ 'x-forwarded-for': '1.2.3.4' }, ['uniquelocal'], undefined],
    [{ 'x-forwarded-for': '1.2.3.4', 'x-real-ip': '1.2.3.4' }, 1, undefined],
    [
      { 'x-forwarded-for': '1.2.3.4', 'x-real-ip': '5.6.7.8' },
      1,
      { header: 'x-forwarded-for', peer: '10.0.0.1', reason: 'contradiction' },
    ],
    [
      { 'x-forwarded-for': '1.2.3.4', 'x-real-ip': '5.6.7.8' },
      ['uniquelocal', 'x-real-ip'],
      undefined,
    ],
  ])('%j, trusting %j', async (headers, trustProxy, found) =>
    expect((await seen(trustProxy, '10.0.0.1', headers)).unbelieved).toEqual(found),
  );
});

describe('requestOrigin', () => {
  const forged = {
    host: 'gate.example:8443',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
  };

  it('is the public URL when there is one', () => {
    expect(
      requestOrigin(requestFrom('8.8.8.8', forged), {
        publicUrl: 'https://img.example/base/',
        trustProxy: true,
      }),
    ).toBe('https://img.example/base');
  });

  it('is the Host header, or what a trusted proxy says', () => {
    expect(requestOrigin(requestFrom('8.8.8.8', forged), { trustProxy: false })).toBe(
      'http://gate.example:8443',
    );
    expect(requestOrigin(requestFrom('8.8.8.8', forged), { trustProxy: ['loopback'] })).toBe(
      'http://gate.example:8443',
    );
    expect(requestOrigin(requestFrom('127.0.0.1', forged), { trustProxy: ['loopback'] })).toBe(
      'https://evil.example',
    );
    const listed = {
      ...forged,
      'x-forwarded-host': 'a.example, b.example',
      'x-forwarded-proto': 'https,http',
    };
    expect(requestOrigin(requestFrom('127.0.0.1', listed), { trustProxy: 1 })).toBe(
      'https://a.example',
    );
    expect(
      requestOrigin(requestFrom('127.0.0.1', { host: 'H.example' }), { trustProxy: true }),
    ).toBe('http://h.example');
  });

  it.each([
    '',
    'a b',
    'a/b',
    'user@evil',
    'a:port',
    'a#b',
    '[::1',
    'x'.repeat(300),
    '<script>',
    'a\\b',
    '-a',
  ])('does not repeat %j', (host) => {
    expect(requestOrigin(requestFrom('8.8.8.8', { host }), { trustProxy: false })).toBe(
      'http://192.0.2.1:8080',
    );
  });

  it('is always an origin', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (host, forwardedHost, proto) => {
        const headers = { host, 'x-forwarded-host': forwardedHost, 'x-forwarded-proto': proto };
        const origin = requestOrigin(requestFrom('127.0.0.1', headers), { trustProxy: true });
        expect(origin).toMatch(/^https?:\/\/[a-z0-9_.:[\]-]+$/);
      }),
    );
  });
});
