import type { AccountStore } from '../metadata.ts';
import { ownerAccountId, setAdminPassword } from './sign-in.ts';

export interface AdminChange {
  /** Blank keeps it. */
  readonly name: string;
  /** Blank keeps it. */
  readonly password: string;
  readonly at: number;
}

export interface Administrator {
  readonly name: string;
  readonly hasPassword: boolean;
}

/** The one administrator; `name` is blank while there is none. */
export async function findAdministrator(accounts: AccountStore): Promise<Administrator> {
  const account = (await accounts.list()).find(({ id }) => id === ownerAccountId);
  return { name: account?.name ?? '', hasPassword: account !== undefined };
}

/**
 * Changes name, password or both, which ends the administrator's sessions. False when nothing
 * changes: a name alone makes no administrator.
 */
export async function changeAdministrator(
  accounts: AccountStore,
  { name, password, at }: AdminChange,
): Promise<boolean> {
  const account = (await accounts.list()).find(({ id }) => id === ownerAccountId);
  const wanted = name === '' ? (account?.name ?? '') : name;
  if (password !== '') {
    await setAdminPassword({ accounts }, { name: wanted, password }, at);
    return true;
  }
  if (account === undefined || wanted === account.name) {
    return false;
  }
  await accounts.put({ ...account, name: wanted, updatedAt: at });
  return true;
}
