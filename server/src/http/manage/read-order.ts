import type { Caller } from '../../core/access/access.ts';
import type { Permission } from '../../core/metadata.ts';
import { authenticateToken } from '../authenticate.ts';
import { type JsonLimits, readJsonObject } from '../body/json-body.ts';
import type { Context } from '../route.ts';

export interface Order {
  /** As they are now that the body is there. */
  readonly caller: Caller;
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * The JSON body, and the caller once more: the token may have been revoked or narrowed while the
 * body came in. Held back, a body would otherwise outlive its token, and make a new one. Throws
 * what both throw.
 */
export async function readOrder(
  { request, deps }: Context,
  permission: Permission,
  limits: JsonLimits = {},
): Promise<Order> {
  const body = await readJsonObject(request.raw, limits);
  return { caller: await authenticateToken(request.raw, permission, deps), body };
}
