import type { Caller } from '../../core/access/access.ts';
import { fail } from '../../core/errors.ts';
import { byTokenOrCode } from '../authenticate.ts';
import type { Context, Need } from '../route.ts';

/**
 * Upload API 1.4: who may upload, and not from a blocked address. Nothing of the body has been read
 * by then.
 */
export async function byUploader(context: Context, need: Need): Promise<Caller> {
  const caller = await byTokenOrCode(context, need);
  if (need.permission === 'upload') {
    await refuseBlocked(context);
  }
  return caller;
}

/** Asks the database every time: blocking counts on every node from the next request on. */
export async function refuseBlocked({ request, deps }: Context): Promise<void> {
  if (await deps.metadata.addresses.isBlocked(request.ip)) {
    throw fail('address_blocked');
  }
}
