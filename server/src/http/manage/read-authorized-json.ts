import type { Caller } from '../../core/access/access.ts';
import type { Permission } from '../../core/metadata.ts';
import { authenticateToken } from '../authenticate.ts';
import { type JsonLimits, readJsonObject } from '../body/json-body.ts';
import type { Context } from '../route.ts';

export interface AuthorizedJson {
  /** With the permissions at the time the body has arrived. */
  readonly caller: Caller;
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * Reads the JSON body and authenticates the caller again: the token may have been revoked or
 * narrowed while the body came in. Otherwise a caller could delay its body beyond the revocation of
 * its token and create a new one. Throws what both steps throw.
 */
export async function readAuthorizedJson(
  { request, deps }: Context,
  permission: Permission,
  limits: JsonLimits = {},
): Promise<AuthorizedJson> {
  const body = await readJsonObject(request.raw, limits);
  return { caller: await authenticateToken(request, { permission }, deps), body };
}
