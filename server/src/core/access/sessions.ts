import { createHmac, hash, randomBytes } from 'node:crypto';
import { type Clock, minuteMs } from '../clock.ts';
import type { SessionKind, SessionRecord, SessionStore } from '../metadata.ts';
import { uuidv7 } from '../uuid.ts';
import { currentCode, type UploadCode } from './upload-code.ts';

/** Who signs in, from where: shown in the list of sessions. */
export interface Visitor {
  readonly address: string;
  readonly userAgent: string;
}

export interface NewSession {
  readonly kind: SessionKind;
  readonly visitor: Visitor;
  readonly accountId?: string | undefined;
  /** Of the account. No session begins when it is not the stored one any more. */
  readonly passwordHash?: string | undefined;
  /** Default: that of the settings. */
  readonly ttlMs?: number | undefined;
}

export interface BegunSession {
  /** For the cookie or the link. Shown only this once: only its hash is stored. */
  readonly secret: string;
  readonly ttlMs: number;
}

export interface Sessions {
  /** Undefined when the password was changed meanwhile. */
  begin(session: NewSession): Promise<BegunSession | undefined>;
  /**
   * The first live session of this kind among the secrets; one indexed read each. Notes that it was
   * used, at most once a minute.
   */
  find(secrets: readonly string[], kind: SessionKind): Promise<SessionRecord | undefined>;
  isLive(id: string): Promise<boolean>;
  /** Live ones, newest first, 1,000 at most. */
  list(): Promise<readonly SessionRecord[]>;
  /** Ends it: its next request is refused. False when there was none. */
  end(id: string): Promise<boolean>;
  /** Ends all of a kind and returns their number. */
  endAll(kind: SessionKind): Promise<number>;
}

export interface SessionOptions {
  readonly store: SessionStore;
  readonly authCode?: UploadCode;
  /** Secret of this server. Sessions of an upload code end when either changes. */
  readonly key: Uint8Array;
  readonly ttlMs: number;
  readonly now: Clock;
}

const maxListed = 1000;
const maxUserAgent = 200;

/**
 * Sessions of people in browsers: 256 random bits, of which only a hash is stored. A change of the
 * password removes its sessions, and one of the upload code makes its sessions void.
 */
export function createSessions({ store, authCode, key, ttlMs, now }: SessionOptions): Sessions {
  const touched = new Map<string, number>();
  // With a key, because a reader of the database could try codes otherwise.
  const codeMark = (): string | undefined => {
    const code = currentCode(authCode);
    return code && createHmac('sha256', key).update(code).digest('hex').slice(0, 32);
  };

  const isValid = ({ kind, expiresAt, codeMark: mark }: SessionRecord): boolean =>
    expiresAt > now() && (kind !== 'user' || (mark !== null && mark === codeMark()));
  const touch = ({ id, lastSeenAt }: SessionRecord): void => {
    const at = now();
    if (at - (touched.get(id) ?? lastSeenAt) < minuteMs) {
      return;
    }
    remember(touched, id, at);
    // Informative only: no request waits for it or fails with it.
    store.touch(id, at).catch(() => undefined);
  };

  return {
    async begin({ kind, visitor, accountId, passwordHash, ttlMs: ownTtl = ttlMs }) {
      const secret = randomBytes(32).toString('hex');
      const at = now();
      const session: SessionRecord = {
        id: uuidv7(at),
        hash: hashOf(secret),
        kind,
        accountId: accountId ?? null,
        codeMark: kind === 'user' ? (codeMark() ?? null) : null,
        createdAt: at,
        expiresAt: at + ownTtl,
        lastSeenAt: at,
        ip: visitor.address,
        userAgent: storable(visitor.userAgent),
      };
      const isBegun = await store.add(session, passwordHash);
      return isBegun ? { secret, ttlMs: ownTtl } : undefined;
    },
    async find(secrets, kind) {
      for (const secret of secrets) {
        const session = await store.findByHash(hashOf(secret));
        if (session !== undefined && session.kind === kind && isValid(session)) {
          touch(session);
          return session;
        }
      }
      return undefined;
    },
    async isLive(id) {
      const session = await store.get(id);
      return session !== undefined && isValid(session);
    },
    async list() {
      return (await store.list({ now: now(), limit: maxListed })).filter(isValid);
    },
    end: (id) => store.remove(id),
    endAll: (kind) => store.removeKind(kind),
  };
}

const maxTouched = 10_000;

function remember(touched: Map<string, number>, id: string, at: number): void {
  touched.delete(id);
  touched.set(id, at);
  const oldest = touched.keys().next();
  if (touched.size > maxTouched && !oldest.done) {
    touched.delete(oldest.value);
  }
}

/** Secrets have 256 random bits, so one round is enough. */
function hashOf(secret: string): string {
  return hash('sha256', secret, 'hex');
}

function storable(text: string): string {
  return text.slice(0, maxUserAgent).replaceAll('\0', '').toWellFormed();
}
