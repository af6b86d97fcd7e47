import crypto, { randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { fail } from '../errors.ts';

/** What a password is worth against a stored hash. */
export interface Verdict {
  readonly isRight: boolean;
  /** False when a new hash of the same password would be made in another way. */
  readonly isCurrent: boolean;
}

export const minPasswordLength = 8;
export const maxPasswordBytes = 1024;

/** How a hash is made: stored in its text, so that it can be changed for later ones. */
interface Recipe {
  readonly algorithm: 'argon2id' | 'scrypt';
  readonly cost: Readonly<Record<string, number>>;
}

interface Derivation {
  readonly cost: Recipe['cost'];
  readonly password: string;
  readonly salt: Buffer;
}

const saltBytes = 16;
const hashBytes = 32;

/**
 * 19 MiB, 2 passes: what OWASP asks for at least; a sign-in must be possible on a small machine.
 */
const argon2Recipe: Recipe = { algorithm: 'argon2id', cost: { v: 19, m: 19_456, t: 2, p: 1 } };
const scryptRecipe: Recipe = { algorithm: 'scrypt', cost: { ln: 15, r: 8, p: 3 } };

/** Whether this runtime has Argon2; Node built with an old OpenSSL does not. */
const hasArgon2 = typeof crypto.argon2 === 'function';

/** Returns a text like `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`. */
export function hashPassword(
  password: string,
  recipe: Recipe = hasArgon2 ? argon2Recipe : scryptRecipe,
): Promise<string> {
  return hashWith(recipe, password, randomBytes(saltBytes));
}

/**
 * Compares in constant time. Rejects with `service_unavailable` when this runtime cannot compute
 * the stored hash.
 */
export async function verifyPassword(password: string, stored: string): Promise<Verdict> {
  const known = read(stored);
  if (known === undefined) {
    return { isRight: false, isCurrent: false };
  }
  const derived = await derive(known.recipe, password, known.salt);
  const isRight = derived.length === known.hash.length && timingSafeEqual(derived, known.hash);
  const current = hasArgon2 ? argon2Recipe : scryptRecipe;
  return { isRight, isCurrent: prefixOf(known.recipe) === prefixOf(current) };
}

/** The weaker way, for tests of the step from one to the other. */
export function hashWithScrypt(password: string): Promise<string> {
  return hashPassword(password, scryptRecipe);
}

async function hashWith(recipe: Recipe, password: string, salt: Buffer): Promise<string> {
  const derived = await derive(recipe, password, salt);
  return `${prefixOf(recipe)}$${plainBase64(salt)}$${plainBase64(derived)}`;
}

function derive({ algorithm, cost }: Recipe, password: string, salt: Buffer): Promise<Buffer> {
  // The same characters may be typed in several spellings of Unicode.
  const derivation = { cost, password: password.normalize('NFKC'), salt };
  return algorithm === 'argon2id' ? deriveArgon2(derivation) : deriveScrypt(derivation);
}

function deriveArgon2({ cost: { m = 0, t = 0, p = 0 }, password, salt }: Derivation) {
  if (!hasArgon2) {
    throw fail('service_unavailable', {
      message: 'The password was hashed with Argon2, which this build of Node cannot compute.',
    });
  }
  return promisify(crypto.argon2)('argon2id', {
    message: Buffer.from(password),
    nonce: salt,
    memory: m,
    passes: t,
    parallelism: p,
    tagLength: hashBytes,
  });
}

function deriveScrypt({ cost: { ln = 0, r = 0, p = 0 }, password, salt }: Derivation) {
  const options = { N: 2 ** ln, r, p, maxmem: 2 ** ln * r * 256 };
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  crypto.scrypt(password, salt, hashBytes, options, (error, derived) =>
    error === null ? resolve(derived) : reject(error),
  );
  return promise;
}

/** `$algorithm[$v=19]$name=value,...`, as the PHC string format has it. */
function prefixOf({ algorithm, cost: { v, ...cost } }: Recipe): string {
  const costs = Object.entries(cost).map(([name, value]) => `${name}=${value}`);
  const version = v === undefined ? '' : `$v=${v}`;
  return `$${algorithm}${version}$${costs.join(',')}`;
}

interface Known {
  readonly recipe: Recipe;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const argon2Text =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;
const scryptText =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

function read(stored: string): Known | undefined {
  const argon2 = argon2Text.exec(stored);
  if (argon2 !== null) {
    const [, m, t, p, salt = '', hash = ''] = argon2;
    const cost = { v: 19, m: Number(m), t: Number(t), p: Number(p) };
    return known({ algorithm: 'argon2id', cost }, salt, hash);
  }
  const scrypt = scryptText.exec(stored);
  if (scrypt !== null) {
    const [, ln, r, p, salt = '', hash = ''] = scrypt;
    return known(
      { algorithm: 'scrypt', cost: { ln: Number(ln), r: Number(r), p: Number(p) } },
      salt,
      hash,
    );
  }
  return undefined;
}

function known(recipe: Recipe, salt: string, hash: string): Known {
  return { recipe, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}

function plainBase64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
