import { fail } from '../../core/errors.ts';
import type { Api } from '../api.ts';
import { authenticateToken, tooManyGuesses } from '../authenticate.ts';
import { foreignPage } from '../foreign-page.ts';
import { completeMedia } from './complete-media.ts';
import { deleteMedia } from './delete-media.ts';
import { mediaDialect } from './envelope.ts';
import { getAccounts } from './get-accounts.ts';
import { getMe } from './get-me.ts';
import { getMedia } from './get-media.ts';
import { getPlatformRules } from './get-platform-rules.ts';
import { listMedia } from './list-media.ts';
import { limitRate } from './rate-limit.ts';
import { uploadFromUrl } from './upload-from-url.ts';
import { uploadMedia } from './upload-media.ts';

const canonical = '/api/v1';
/** For clients whose base address is shorter, or ends in one of the others already. */
const otherBases = ['/v1', '', '/api/v1/api/v1'];

/** In the same envelope. */
export const otherMediaFailures = {
  description:
    'Any other failure, always in this envelope: also unknown addresses, wrong methods and malformed requests.',
  failures: [
    'method_not_allowed',
    {
      code: 'not_found',
      message: `No route for GET ${canonical}/nosuch. The API is described at /docs.`,
    },
    'bad_request',
  ],
} as const satisfies Api['others'];

/** The Media API: presign, upload straight to storage, complete. */
export const mediaApi: Api = {
  prefixes: ['/api/v1', '/v1'],
  alsoAt: (path) => otherBases.map((base) => `${base}${path.slice(canonical.length)}`),
  dialect: mediaDialect,
  cors: ({ corsOrigins }) => ({
    origins: corsOrigins,
    methods: 'GET, POST, DELETE, OPTIONS',
    headers: 'Content-Type, Authorization, Idempotency-Key',
    exposed:
      'X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, Idempotency-Replayed',
  }),
  headers: { 'cache-control': 'no-store' },
  credentials: 'token',
  async authenticate({ request, reply, deps }, { permission, changes }) {
    const caller = await authenticateToken(request, { permission: 'any', changes }, deps);
    // Before the permission: a refusal counts too, and carries the state (Media API 1.5).
    await limitRate(caller, reply, deps);
    if (permission !== 'any' && !caller.permissions.has(permission)) {
      throw fail('insufficient_scope', { details: { required: permission } });
    }
    return caller;
  },
  failures: [
    'unauthorized',
    'rate_limit_exceeded',
    tooManyGuesses,
    foreignPage,
    'internal_error',
    'service_unavailable',
  ],
  others: otherMediaFailures,
  routes: [
    uploadMedia,
    uploadFromUrl,
    completeMedia,
    listMedia,
    getMedia,
    deleteMedia,
    getMe,
    getAccounts,
    getPlatformRules,
  ],
};
