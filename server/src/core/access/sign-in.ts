import type { Clock } from '../clock.ts';
import { dayMs } from '../clock.ts';
import { createFairPlaces } from '../guard/fair-places.ts';
import type { AccountRecord, AccountStore, MetadataStore } from '../metadata.ts';
import { equalInConstantTime } from './access.ts';
import type { AuthThrottle } from './auth-throttle.ts';
import { networksOf } from './network.ts';
import { hashPassword, verifyPassword } from './passwords.ts';
import type { BegunSession, Sessions, Visitor } from './sessions.ts';
import { currentCode, type UploadCode } from './upload-code.ts';

export interface NameAndPassword {
  readonly name: string;
  readonly password: string;
}

/** Number of sessions that were ended, by kind. */
export interface Ended {
  readonly admin: number;
  readonly user: number;
}

/**
 * How people get a session. All methods wait as long as wrong secrets do from that address, or for
 * that account, and throw `rate_limit_exceeded` for wrong ones when the guesses are used up. A
 * right secret is never refused.
 */
export interface SignIn {
  /** Undefined for a wrong name or password; the work is the same for names that do not exist. */
  byPassword(given: NameAndPassword, visitor: Visitor): Promise<BegunSession | undefined>;
  /** With the upload code. Undefined for a wrong one, or when none is configured. */
  byCode(code: string, visitor: Visitor): Promise<BegunSession | undefined>;
  /**
   * Sets the first password by the secret of a link, which works once, and signs in. Undefined when
   * the link is not valid, or an account exists.
   */
  setUp(
    given: NameAndPassword & { readonly secret: string },
    visitor: Visitor,
  ): Promise<BegunSession | undefined>;
  /** Whether a password is set. */
  hasAccount(): Promise<boolean>;
  /** Whether a reset key is configured. */
  readonly canReset: boolean;
  /**
   * Ends every session, and forgets a password that is not in the configuration. Undefined for a
   * wrong key.
   */
  reset(key: string, visitor: Visitor): Promise<Ended | undefined>;
}

export interface SignInOptions {
  readonly accounts: AccountStore;
  readonly sessions: Sessions;
  readonly brake: AuthThrottle;
  readonly authCode?: UploadCode;
  readonly resetKey?: string | undefined;
  /** Whether the administrator's password is in the configuration. */
  readonly isPasswordConfigured: boolean;
  readonly now: Clock;
}

/** The one administrator of today, and the owner of every file. */
export const ownerAccountId = 'owner';

/** Hashes take 20 MB and 50 ms each: a crowd of guesses must not take all of either. */
const hashPlaces = { total: 2, perOwner: 1 };

export function createSignIn(options: SignInOptions): SignIn {
  const { accounts, sessions, brake, authCode, resetKey, isPasswordConfigured, now } = options;
  const places = createFairPlaces(hashPlaces);
  let decoy: Promise<string> | undefined;

  const inPlace = async <T>(address: string, work: () => Promise<T>): Promise<T> => {
    const leave = await places.acquire(networksOf(address).near, new AbortController().signal);
    try {
      return await work();
    } finally {
      leave();
    }
  };
  /** The account of that name and password. Unknown names cost a hash as well. */
  const findAccount = async ({ name, password }: NameAndPassword) => {
    const all = await accounts.list();
    const named = all.find((account) => account.name === name);
    decoy ??= hashPassword('decoy');
    const stored = (named ?? all[0])?.passwordHash ?? (await decoy);
    const verdict = await verifyPassword(password, stored);
    return named !== undefined && verdict.isRight
      ? { account: named, isCurrent: verdict.isCurrent }
      : undefined;
  };
  /** The hash that is stored afterwards. */
  const renewed = async ({ id, passwordHash }: AccountRecord, password: string) => {
    const hash = await hashPassword(password);
    return (await accounts.rehash(id, passwordHash, hash)) ? hash : passwordHash;
  };
  const isRightKey = async (key: string, wanted: string | undefined, { address }: Visitor) => {
    const place = { kind: 'code', address } as const;
    if (wanted !== undefined && equalInConstantTime(key, wanted)) {
      await brake.passed(place);
      return true;
    }
    await brake.failed(place, key === '' ? [] : [key]);
    return false;
  };

  return {
    canReset: resetKey !== undefined,
    async byPassword(given, visitor) {
      const { address } = visitor;
      const place = { kind: 'password', address, account: given.name } as const;
      const found = await inPlace(address, () => findAccount(given));
      if (found === undefined) {
        await brake.failed(place, [`${given.name}\n${given.password}`]);
        return undefined;
      }
      await brake.passed(place);
      const { account, isCurrent } = found;
      const passwordHash = isCurrent
        ? account.passwordHash
        : await inPlace(address, () => renewed(account, given.password));
      return sessions.begin({ kind: 'admin', visitor, accountId: account.id, passwordHash });
    },
    async byCode(code, visitor) {
      return (await isRightKey(code, currentCode(authCode), visitor))
        ? sessions.begin({ kind: 'user', visitor })
        : undefined;
    },
    async setUp({ secret, name, password }, visitor) {
      if ((await sessions.find([secret], 'setup')) === undefined) {
        return undefined;
      }
      const passwordHash = await inPlace(visitor.address, () => hashPassword(password));
      const account = ownerAccount({ name, passwordHash, at: now() });
      return (await accounts.addFirst(account))
        ? sessions.begin({ kind: 'admin', visitor, accountId: account.id, passwordHash })
        : undefined;
    },
    hasAccount: async () => (await accounts.list()).length > 0,
    async reset(key, visitor) {
      if (!(await isRightKey(key, resetKey, visitor))) {
        return undefined;
      }
      const ended = { admin: await sessions.endAll('admin'), user: await sessions.endAll('user') };
      if (!isPasswordConfigured) {
        await accounts.remove(ownerAccountId);
      }
      return ended;
    },
  };
}

/** Sets the administrator's name and password, which ends the administrator's sessions. */
export async function setAdminPassword(
  { accounts }: Pick<MetadataStore, 'accounts'>,
  { name, password }: NameAndPassword,
  at: number,
): Promise<void> {
  const passwordHash = await hashPassword(password);
  await accounts.put(ownerAccount({ name, passwordHash, at }));
}

/** Sets them unless they are set already, so that a restart ends no session. */
export async function keepAdminPassword(
  metadata: Pick<MetadataStore, 'accounts'>,
  given: NameAndPassword,
  at: number,
): Promise<void> {
  const stored = (await metadata.accounts.list()).find(({ id }) => id === ownerAccountId);
  const isSet =
    stored?.name === given.name &&
    (await verifyPassword(given.password, stored.passwordHash)).isRight;
  if (!isSet) {
    await setAdminPassword(metadata, given, at);
  }
}

/** The secret of a new link by which the first password can be set. */
export async function makeSetupSecret(sessions: Sessions): Promise<string> {
  const visitor = { address: '', userAgent: '' };
  const begun = await sessions.begin({ kind: 'setup', visitor, ttlMs: dayMs });
  return begun?.secret ?? '';
}

function ownerAccount({
  name,
  passwordHash,
  at,
}: {
  readonly name: string;
  readonly passwordHash: string;
  readonly at: number;
}): AccountRecord {
  return { id: ownerAccountId, name, passwordHash, createdAt: at, updatedAt: at };
}
