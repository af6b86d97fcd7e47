import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isStowageError } from '../../errors.ts';
import { notAllowed, resolveTarget } from './resolve-target.ts';
import { hostKey, parseTarget, type TargetRules } from './target.ts';

const rules: TargetRules = {
  allowHttp: true,
  allowedPrivateHosts: new Set(['intranet.example', '10.1.2.3', 'fd00::7']),
};

function codeOf(text: string, given = rules): string | undefined {
  try {
    parseTarget(text, given);
    return undefined;
  } catch (error) {
    return isStowageError(error) ? error.code : 'a bug';
  }
}

/** The code of the refusal before any connection; names resolve to what `addresses` says. */
async function refusal(
  text: string,
  addresses: Readonly<Record<string, readonly string[]>> = {},
): Promise<string | undefined> {
  try {
    await resolveTarget(parseTarget(text, rules), {
      resolver: async (host) => addresses[host] ?? [],
      blocked: () => false,
    });
    return undefined;
  } catch (error) {
    return isStowageError(error) ? error.code : `a bug: ${error}`;
  }
}

describe('parseTarget', () => {
  it.each([
    '',
    'photo.jpg',
    '//example.com/a',
    '/etc/passwd',
    'ftp://example.com/a',
    'file:///etc/passwd',
    'data:image/png;base64,AAAA',
    'gopher://example.com/',
    'blob:https://example.com/1',
    'javascript:alert(1)',
    'unix:/run/docker.sock',
    'https://',
    'https://user@example.com/',
    'https://user:secret@example.com/',
    'https://:secret@example.com/',
    'https://example.com:22/',
    'https://example.com:8080/',
    'http://example.com:6379/',
    'https://[fe80::1%25eth0]/',
    'https://[fe80::1%eth0]/',
    'https://exa mple.com/',
    'https://%00/',
    'https://256.1.1.1/',
    'https://1.2.3.4.5/',
    'https://./',
  ])('refuses %j as invalid_url', (text) => {
    expect(codeOf(text)).toBe('invalid_url');
  });

  it.each([
    ['https://example.com/a.jpg', 'example.com'],
    ['HTTP://Example.COM:80/a.jpg#top', 'example.com'],
    ['http://example.com:443/', 'example.com'],
    ['https://example.com:443/', 'example.com'],
    ['https://example.com./', 'example.com'],
    ['https://bücher.example/', 'xn--bcher-kva.example'],
    ['https://xn--bcher-kva.example/', 'xn--bcher-kva.example'],
    ['https://ｅｘａｍｐｌｅ.com/', 'example.com'],
    ['https://[2606:4700::1111]/', '2606:4700::1111'],
    ['http://intranet.example:8080/', 'intranet.example'],
    ['http://10.1.2.3:9000/', '10.1.2.3'],
    ['http://0xa010203:9000/', '10.1.2.3'],
    ['http://[fd00:0:0::7]:81/', 'fd00::7'],
  ])('takes %j, whose host is %s', (text, host) => {
    expect(parseTarget(text, rules).host).toBe(host);
  });

  it('refuses http where only https is allowed', () => {
    expect(codeOf('http://example.com/', { ...rules, allowHttp: false })).toBe('invalid_url');
    expect(codeOf('https://example.com/', { ...rules, allowHttp: false })).toBeUndefined();
  });

  it('never throws anything but invalid_url', () => {
    const text = fc.oneof(
      fc.webUrl(),
      fc.string({ unit: 'binary' }),
      fc.string().map((rest) => `http://${rest}`),
    );
    fc.assert(fc.property(text, (one) => [undefined, 'invalid_url'].includes(codeOf(one))));
  });
});

describe('hostKey', () => {
  it.each([
    ['Intranet.Example', 'intranet.example'],
    ['intranet.example.', 'intranet.example'],
    ['[::1]', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['127.1', '127.0.0.1'],
    [' nas ', 'nas'],
  ])('%j is %s', (written, key) => {
    expect(hostKey(written)).toBe(key);
  });
});

describe('resolveTarget', () => {
  /** All ways to write an IPv4 address that somebody's parser has taken at some time. */
  const forms: Readonly<Record<string, (value: number) => string>> = {
    dotted: (value) => parts(value).join('.'),
    decimal: (value) => String(value),
    hexadecimal: (value) => `0x${value.toString(16)}`,
    octal: (value) => `0${value.toString(8)}`,
    'octal parts': (value) =>
      parts(value)
        .map((part) => `0${part.toString(8)}`)
        .join('.'),
    'padded octal parts': (value) =>
      parts(value)
        .map((part) => `000${part.toString(8)}`)
        .join('.'),
    'hexadecimal parts': (value) =>
      parts(value)
        .map((part) => `0x${part.toString(16)}`)
        .join('.'),
    'two parts': (value) => `${value >>> 24}.${value & 0xffffff}`,
    'three parts': (value) => `${value >>> 24}.${(value >>> 16) & 255}.${value & 0xffff}`,
    'trailing dot': (value) => `${parts(value).join('.')}.`,
    escaped: (value) =>
      [...parts(value).join('.')].map((char) => `%${char.charCodeAt(0).toString(16)}`).join(''),
    'full width': (value) =>
      [...parts(value).join('.')]
        .map((char) => String.fromCharCode(char.charCodeAt(0) + 0xfee0))
        .join(''),
    'ideographic dots': (value) => parts(value).join('。'),
    'mapped into IPv6': (value) => `[::ffff:${parts(value).join('.')}]`,
    'mapped, in hex': (value) =>
      `[::ffff:${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}]`,
    'compatible with IPv6': (value) => `[::${parts(value).join('.')}]`,
    NAT64: (value) => `[64:ff9b::${parts(value).join('.')}]`,
    '6to4': (value) => `[2002:${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}::1]`,
  };
  const privateAddress = fc.oneof(
    fc.constantFrom(
      0x7f000001,
      0xa9fea9fe,
      0x0a000001,
      0xc0a80001,
      0,
      0x64400001,
      0xac100001,
      0xffffffff,
    ),
    fc.nat(2 ** 24 - 1).map((rest) => 0x7f000000 + rest),
  );

  it.each(Object.entries(forms))('refuses private addresses written %s', async (_name, form) => {
    const property = fc.asyncProperty(privateAddress, async (value) => {
      expect(await refusal(`http://${form(value)}/latest/meta-data/`)).toBe('url_not_allowed');
    });
    await fc.assert(property, { numRuns: 50 });
  });

  it.each(['[::1]', '[::]', '[fe80::1]', '[fd12:3456::1]', '[ff02::1]', '[2001:0:1::1]'])(
    'refuses %s',
    async (host) => {
      expect(await refusal(`https://${host}/`)).toBe('url_not_allowed');
    },
  );

  it.each([
    [['127.0.0.1']],
    [['::1']],
    [['93.184.216.34', '127.0.0.1']],
    [['10.0.0.1', '93.184.216.34']],
    [['2606:4700::1111', '::ffff:127.0.0.1']],
    [['fe80::1%eth0']],
    [['localhost']],
  ])('refuses a name that resolves to %j', async (addresses) => {
    expect(await refusal('https://evil.example/', { 'evil.example': addresses })).toBe(
      'url_not_allowed',
    );
  });

  it('takes a name whose addresses are all public, and a trusted one wherever it is', async () => {
    expect(
      await refusal('https://ok.example/', { 'ok.example': ['93.184.216.34', '2606:4700::1111'] }),
    ).toBeUndefined();
    expect(await refusal('https://8.8.8.8/')).toBeUndefined();
    expect(
      await refusal('http://intranet.example:81/', { 'intranet.example': ['192.168.1.4'] }),
    ).toBeUndefined();
  });

  it('answers a name that resolves to nothing like one that must not be fetched', async () => {
    expect(await refusal('https://nowhere.example/')).toBe('url_not_allowed');
  });

  it('says nothing of the address it refuses', () => {
    expect(notAllowed().message).toBe('The url does not point to a public address.');
  });

  function parts(value: number): readonly number[] {
    return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);
  }
});
