import type { Stowage } from './harness.ts';
import { jsonOf } from './requests.ts';

export interface MadeToken {
  readonly id: string;
  readonly token: string;
  readonly headers: { readonly authorization: string };
}

/** Makes a token with the admin's (or by `as`). */
export async function createToken(
  stowage: Stowage,
  permissions: readonly string[],
  extra: Readonly<Record<string, unknown>> = {},
): Promise<MadeToken> {
  const body = JSON.stringify({
    name: permissions.join(' '),
    owner: 'test',
    permissions,
    ...extra,
  });
  const response = await stowage.fetch('/api/manage/apiTokens', { method: 'POST', body });
  if (response.status !== 200) {
    throw new Error(`${response.status}: ${await response.text()}`);
  }
  const { id, token } = await jsonOf<{ id: string; token: string }>(response);
  return { id, token, headers: { authorization: `Bearer ${token}` } };
}
