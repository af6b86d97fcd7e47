import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Clock, minuteMs } from '../clock.ts';
import { fail } from '../errors.ts';
import type { MetadataStore, Permission, SessionRecord, TokenRecord } from '../metadata.ts';
import { uuidv7 } from '../uuid.ts';
import type { AuthThrottle, SecretKind } from './auth-throttle.ts';
import type { Sessions } from './sessions.ts';
import { currentCode, type UploadCode } from './upload-code.ts';

/** The authenticated sender of a request and its permissions. */
export interface Caller {
  /** Uploads in progress are bound to it. */
  readonly owner: string;
  readonly permissions: ReadonlySet<Permission>;
  readonly token: TokenRecord | undefined;
  /** Of a caller in a browser, who signed in. */
  readonly session?: SessionRecord | undefined;
}

/** The credentials that a request carries. Every field is as found, unverified. */
export interface Credentials {
  /** From `Authorization`, with or without `Bearer`. */
  readonly token?: string | undefined;
  /**
   * Candidates for the upload auth code, in the order to try (query, Referer's query, header,
   * cookie). Absent where only tokens count; `allowAnonymousUploads` is then ignored as well.
   */
  readonly authCodes?: readonly string[];
  /** From the cookies of the two kinds. They count wherever a token does. */
  readonly sessions?: SessionSecrets | undefined;
  /** Wrong guesses are counted by it. */
  readonly address: string;
}

/** Secrets of sessions, as cookies carry them: usually one, or none. */
export interface SessionSecrets {
  readonly admin: readonly string[];
  readonly user: readonly string[];
}

export interface Access {
  /**
   * Returns the caller if the credentials allow `permission` (`any`: whatever they allow). A token
   * that is unknown or lacks the permission falls through to the sessions, these to the auth code,
   * and that to anonymous uploads where the owner allows them. Fails with `unauthorized`,
   * `insufficient_scope`, or `rate_limit_exceeded` after too many wrong guesses. Secrets chosen by
   * people wait as long as wrong ones do. Generated tokens, which cannot be guessed, never wait.
   */
  authenticate(credentials: Credentials, permission: Permission | 'any'): Promise<Caller>;
  /**
   * Whether the owner of an upload may still upload. Checked again when the bytes have arrived,
   * because the token may have been revoked, narrowed or have expired meanwhile.
   */
  mayUpload(owner: string): Promise<boolean>;
  /** The session of an administrator, otherwise that of a user. */
  findSession(secrets: SessionSecrets): Promise<SessionRecord | undefined>;
  /**
   * As `createToken`, but only when no token exists. Of several concurrent calls, one gets a token.
   * Undefined otherwise.
   */
  createFirstToken(input: NewToken): Promise<CreatedToken | undefined>;
  /** The returned token is shown only this once. Only its hash is stored. */
  createToken(input: NewToken): Promise<CreatedToken>;
}

export interface CreatedToken {
  readonly token: string;
  readonly record: TokenRecord;
}

export interface NewToken {
  readonly name: string;
  readonly owner?: string;
  readonly permissions: readonly Permission[];
  readonly expiresAt?: number | null;
  readonly autoDelete?: boolean;
  /** Put in front of 32 hexadecimal characters; default `stowage_`. */
  readonly prefix?: string | undefined;
}

export interface AccessOptions {
  readonly tokens: MetadataStore['tokens'];
  readonly authCode?: UploadCode;
  readonly allowAnonymousUploads: boolean;
  readonly brake: AuthThrottle;
  /** Absent: no cookie counts. */
  readonly sessions?: Pick<Sessions, 'find' | 'isLive'> | undefined;
  readonly now: Clock;
}

interface WrongSecrets {
  readonly wrong: Readonly<Partial<Record<SecretKind, readonly string[]>>>;
  readonly address: string;
  readonly refused: boolean;
}

export const allPermissions: readonly Permission[] = ['upload', 'list', 'delete', 'manage'];

/** Id of the token that is set in the configuration. */
export const environmentTokenId = 'environment';

const codeOwner = 'authCode';
const anonymousOwner = 'anonymous';
const sessionOwner = 'session:';

/**
 * Whether this owner stands for many people: all who have the upload code, or all anonymous
 * callers.
 */
export function isShared(owner: string): boolean {
  return owner === codeOwner || owner === anonymousOwner;
}

const defaultPrefix = 'stowage_';
const shownCharacters = 15;

export function createAccess({
  tokens,
  authCode,
  allowAnonymousUploads,
  brake,
  sessions,
  now,
}: AccessOptions): Access {
  const uploadOnly: ReadonlySet<Permission> = new Set(['upload']);
  const anonymous: Caller = { owner: anonymousOwner, permissions: uploadOnly, token: undefined };
  const touched = new Map<string, number>();

  const touch = (record: TokenRecord): void => {
    const at = now();
    if (at - (touched.get(record.id) ?? record.lastUsedAt ?? 0) < minuteMs) {
      return;
    }
    touched.set(record.id, at);
    // The time of last use is informative only: no request waits for it or fails with it.
    tokens.touch(record.id, at).catch(() => undefined);
  };
  const findToken = async (token: string | undefined): Promise<TokenRecord | undefined> => {
    if (token === undefined || token === '') {
      return undefined;
    }
    const record = await tokens.findByHash(hashToken(token));
    return record !== undefined && isLive(record, now()) ? record : undefined;
  };
  const byToken = async (record: TokenRecord, address: string): Promise<Caller> => {
    if (isFromEnvironment(record)) {
      await brake.passed({ kind: 'token', address });
    }
    touch(record);
    return { owner: record.id, permissions: new Set(record.permissions), token: record };
  };
  const byCode = async ({ authCodes, address }: Credentials): Promise<Caller | undefined> => {
    if (authCodes === undefined) {
      return undefined;
    }
    const code = currentCode(authCode);
    if (code === undefined || !authCodes.some((guess) => equalInConstantTime(guess, code))) {
      return allowAnonymousUploads ? anonymous : undefined;
    }
    await brake.passed({ kind: 'code', address });
    return { owner: codeOwner, permissions: uploadOnly, token: undefined };
  };
  const findSession = async ({ admin, user }: SessionSecrets) =>
    (await sessions?.find(admin, 'admin')) ?? (await sessions?.find(user, 'user'));
  const bySession = async (
    secrets: SessionSecrets | undefined,
    permission: Permission | 'any',
  ): Promise<Caller | undefined> => {
    const session = secrets && (await findSession(secrets));
    if (session === undefined) {
      return undefined;
    }
    const caller = session.kind === 'admin' ? adminOf(session) : userOf(session);
    return permission === 'any' || caller.permissions.has(permission) ? caller : undefined;
  };
  /**
   * Every wrong secret counts. When another credential lets the caller in, it is counted without a
   * wait.
   */
  const noteWrong = async ({ wrong, address, refused }: WrongSecrets): Promise<void> => {
    const kinds = Object.entries(wrong) as [SecretKind, readonly string[]][];
    const noted = kinds.filter(([, secrets]) => secrets.length > 0);
    const results = await Promise.allSettled(
      noted.map(([kind, secrets]) => brake.failed({ kind, address }, secrets)),
    );
    const stopped = results.find((result) => result.status === 'rejected');
    if (refused && stopped !== undefined) {
      throw stopped.reason;
    }
  };

  return {
    async authenticate(credentials, permission) {
      const { token, authCodes, address } = credentials;
      const found = await findToken(token);
      if (found !== undefined && (permission === 'any' || found.permissions.includes(permission))) {
        return byToken(found, address);
      }
      const allowsCode = permission === 'upload' || permission === 'any';
      const other =
        (await bySession(credentials.sessions, permission)) ??
        (allowsCode ? await byCode(credentials) : undefined);
      const wrong = {
        token: found === undefined && token ? [token] : [],
        code:
          other !== undefined && other !== anonymous
            ? []
            : (authCodes ?? []).filter((code) => code !== ''),
      };
      await noteWrong({ wrong, address, refused: other === undefined });
      if (other !== undefined) {
        return other;
      }
      if (found !== undefined) {
        throw fail('insufficient_scope', { details: { required: permission } });
      }
      throw fail('unauthorized');
    },
    async mayUpload(owner) {
      if (owner === codeOwner) {
        return currentCode(authCode) !== undefined;
      }
      if (owner === anonymousOwner) {
        return allowAnonymousUploads;
      }
      if (owner.startsWith(sessionOwner)) {
        return (await sessions?.isLive(owner.slice(sessionOwner.length))) === true;
      }
      const record = await tokens.get(owner);
      return record !== undefined && isLive(record, now()) && record.permissions.includes('upload');
    },
    findSession,
    async createFirstToken(input) {
      const token = generateToken(input);
      const record = tokenRecord(token, input, now());
      return (await tokens.addFirst(record)) ? { token, record } : undefined;
    },
    async createToken(input) {
      const token = generateToken(input);
      const record = tokenRecord(token, input, now());
      await tokens.add(record);
      return { token, record };
    },
  };
}

/** An administrator's uploads in progress end with the session. */
function adminOf(session: SessionRecord): Caller {
  const owner = `${sessionOwner}${session.id}`;
  return { owner, permissions: new Set(allPermissions), token: undefined, session };
}

/** As one of all who have the upload code: a new sign-in allows no further open uploads. */
function userOf(session: SessionRecord): Caller {
  return { owner: codeOwner, permissions: new Set(['upload']), token: undefined, session };
}

/** A new token text, with its prefix. */
function generateToken({ prefix = defaultPrefix }: NewToken): string {
  return `${prefix}${randomBytes(16).toString('hex')}`;
}

/** Each of several nodes may have its own. */
function isFromEnvironment({ id }: TokenRecord): boolean {
  return id === environmentTokenId || id.startsWith(`${environmentTokenId}-`);
}

export function tokenRecord(
  token: string,
  input: NewToken & { readonly id?: string },
  at: number,
): TokenRecord {
  return {
    id: input.id ?? uuidv7(at),
    name: input.name,
    owner: input.owner ?? '',
    hash: hashToken(token),
    prefix: token.slice(0, Math.min(shownCharacters, Math.floor(token.length / 2))),
    permissions: input.permissions,
    createdAt: at,
    updatedAt: at,
    expiresAt: input.expiresAt ?? null,
    autoDelete: input.autoDelete ?? false,
    lastUsedAt: null,
  };
}

/**
 * Tokens have 128 random bits, so one round of SHA-256 is enough. Looking up a hash leaks nothing
 * by its timing.
 */
function hashToken(token: string): string {
  return hash('sha256', token, 'hex');
}

function isLive(record: TokenRecord, at: number): boolean {
  return record.expiresAt === null || record.expiresAt > at;
}

export function equalInConstantTime(one: string, other: string): boolean {
  const digest = (text: string): Buffer => hash('sha256', text, 'buffer');
  return timingSafeEqual(digest(one), digest(other));
}
