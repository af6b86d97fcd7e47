import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { own } from '../core/own.ts';

/**
 * How one setting is read. The schema takes what JSON gives and what an environment variable gives
 * (text); `expected` completes the sentence "NAME must be ...".
 */
export interface Kind<T> {
  readonly schema: z.ZodType<T>;
  readonly expected: string;
  /** The same in a word or two, for tables. */
  readonly type: string;
}

const units: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  kib: 2 ** 10,
  mb: 1e6,
  mib: 2 ** 20,
  gb: 1e9,
  gib: 2 ** 30,
  tb: 1e12,
  tib: 2 ** 40,
};

/**
 * `"10GiB"`, `"1.5 MB"`, `"4096"` or a number -> bytes; anything else comes back as it is, for the
 * schema to refuse.
 */
function parseSize(value: unknown): unknown {
  if (typeof value !== 'string') {
    return value;
  }
  const [, number, unit = 'b'] = /^(\d+(?:\.\d+)?)\s*([a-z]+)?$/i.exec(value.trim()) ?? [];
  const factor = own(units, unit.toLowerCase());
  return number === undefined || factor === undefined ? value : Math.round(Number(number) * factor);
}

function parseNumber(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value;
}

const flags: ReadonlyMap<unknown, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['on', true],
  ['false', false],
  ['0', false],
  ['no', false],
  ['off', false],
]);

function parseFlag(value: unknown): unknown {
  return typeof value === 'string' ? (flags.get(value.trim().toLowerCase()) ?? value) : value;
}

function parseList(value: unknown): unknown {
  if (typeof value !== 'string') {
    return value;
  }
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

export function whole(min: number, max: number = Number.MAX_SAFE_INTEGER): Kind<number> {
  const isOpen = max === Number.MAX_SAFE_INTEGER;
  return {
    schema: z.preprocess(parseNumber, z.int().min(min).max(max)),
    expected: `a whole number ${isOpen ? `of at least ${min}` : `from ${min} to ${max}`}`,
    type: `integer ${isOpen ? `from ${min}` : `${min}-${max}`}`,
  };
}

/** Bytes. */
export function size(): Kind<number> {
  return {
    schema: z.preprocess(parseSize, z.int().min(1)),
    expected: 'a size: bytes, or a number with a unit such as 10GiB or 500MB',
    type: 'size',
  };
}

export function sizeOrZero(): Kind<number> {
  return { ...size(), schema: z.preprocess(parseSize, z.int().min(0)) };
}

export function flag(): Kind<boolean> {
  return {
    schema: z.preprocess(parseFlag, z.boolean()),
    expected: 'true or false',
    type: 'boolean',
  };
}

export function text(pattern: RegExp, expected: string, type = 'text'): Kind<string> {
  return { schema: z.string().regex(pattern), expected, type };
}

export function choice<const T extends string>(...values: readonly T[]): Kind<T> {
  return {
    schema: z.enum(values),
    expected: `one of ${values.join(', ')}`,
    type: values.map((value) => `\`${value}\``).join(', '),
  };
}

/** A list in the file, comma-separated in the environment. */
export function list(item: Kind<string>, expected: string): Kind<readonly string[]> {
  return {
    schema: z.preprocess(parseList, z.array(item.schema)),
    expected: `${expected} (in the environment separated by commas)`,
    type: `list of ${item.type}s`,
  };
}

/** An address, or a network: an address, `/` and the number of bits. */
export function network(): Kind<string> {
  return {
    schema: z.string().refine((value) => !proxyNames.has(value) && isNetwork(value)),
    expected: 'an address or a network',
    type: 'network',
  };
}

/**
 * An absolute address without query, fragment or password; comes back without a slash at the end.
 */
export function httpUrl(): Kind<string> {
  const schema = z.string().refine(isHttpUrl).overwrite(withoutSlash);
  return {
    schema,
    expected: 'an http:// or https:// address without query, fragment or password',
    type: 'URL',
  };
}

function isHttpUrl(value: string): boolean {
  const url = URL.parse(value);
  return (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    `${url.search}${url.hash}${url.username}${url.password}` === ''
  );
}

function withoutSlash(value: string): string {
  return value.replace(/\/+$/, '');
}

const proxyNames = new Set(['loopback', 'linklocal', 'uniquelocal']);
const proxyHeaders = new Set(['x-forwarded-for', 'x-real-ip']);

function isNetwork(value: string): boolean {
  if (proxyNames.has(value)) {
    return true;
  }
  const [address = '', bits, ...rest] = value.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) {
    return false;
  }
  return (
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
  );
}

/** Networks, and at most one of the headers that name the caller, in lower case. */
function isProxyList(items: readonly string[]): boolean {
  const networks = items.filter((item) => !proxyHeaders.has(item));
  return networks.length > 0 && items.length - networks.length <= 1 && networks.every(isNetwork);
}

function parseProxyList(value: unknown): unknown {
  const items = parseList(value);
  return Array.isArray(items)
    ? items.map((item) => (typeof item === 'string' ? item.toLowerCase() : item))
    : items;
}

/**
 * Which proxies may name the caller: none, all, so many hops, or these networks, perhaps by one
 * certain header.
 */
export function trustProxy(): Kind<boolean | number | readonly string[]> {
  const parse = (value: unknown) =>
    [parseNumber, parseFlag].map((read) => read(value)).find((read) => read !== value) ??
    parseProxyList(value);
  const schema = z.union([
    z.boolean(),
    z.int().min(1).max(32),
    z.array(z.string()).refine(isProxyList),
  ]);
  return {
    schema: z.preprocess(parse, schema),
    expected:
      'true, false, a number of proxies, or addresses and networks such as 10.0.0.0/8, loopback or uniquelocal, with or without the name of the header to read (X-Forwarded-For or X-Real-IP)',
    type: 'boolean, integer 1-32 or list of networks',
  };
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** Whether a server bound to this host can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  const family = isIP(bare);
  return family === 0
    ? bare.toLowerCase() === 'localhost'
    : loopback.check(bare, family === 4 ? 'ipv4' : 'ipv6');
}

/** A list of objects: JSON in the environment. */
export function objects(expected: string): Kind<readonly Readonly<Record<string, unknown>>[]> {
  return {
    schema: z.preprocess(parseJson, z.array(z.custom<Readonly<Record<string, unknown>>>(isPlain))),
    expected,
    type: 'list',
  };
}

function parseJson(value: unknown): unknown {
  if (typeof value !== 'string') {
    return value;
  }
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

export function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
