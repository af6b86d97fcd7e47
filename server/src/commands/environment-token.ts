import type { Config } from '../config.ts';
import { allPermissions, environmentTokenId, tokenRecord } from '../core/access/access.ts';
import { type Clock, minuteMs } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { TokenStore } from '../core/metadata.ts';

export interface EnvironmentToken {
  stop(): void;
}

export interface EnvironmentTokenOptions {
  readonly config: Pick<Config, 'adminToken' | 'databaseUrl'>;
  readonly tokens: TokenStore;
  readonly now: Clock;
  readonly log: Log;
}

/** How long a token outlives the last node configured with it. */
const ttlMs = 15 * minuteMs;

/**
 * Keeps STOWAGE_ADMIN_TOKEN in step with the configuration. A single server replaces its old token
 * at once. Among several nodes, some may have a new token while others still have the old one, so
 * each node keeps its own alive, and a token that no node has expires.
 */
export async function holdEnvironmentToken(
  options: EnvironmentTokenOptions,
): Promise<EnvironmentToken> {
  const { config, tokens, log } = options;
  const isShared = config.databaseUrl !== undefined;
  await dropOld(options, isShared);
  if (config.adminToken === undefined) {
    return { stop: () => undefined };
  }
  const hold = (): Promise<void> =>
    tokens.put(recordOf(config.adminToken ?? '', options, isShared));
  await hold();
  if (!isShared) {
    return { stop: () => undefined };
  }
  const renewing = setInterval(() => {
    hold().catch((error: unknown) =>
      log.warn({ err: error }, 'Could not renew STOWAGE_ADMIN_TOKEN; will retry'),
    );
  }, minuteMs).unref();
  return { stop: () => clearInterval(renewing) };
}

function recordOf(token: string, { now }: EnvironmentTokenOptions, isShared: boolean) {
  const options = { name: 'STOWAGE_ADMIN_TOKEN', permissions: allPermissions };
  if (!isShared) {
    return tokenRecord(token, { ...options, id: environmentTokenId }, now());
  }
  const { hash } = tokenRecord(token, { ...options, id: '' }, now());
  const id = `${environmentTokenId}-${hash.slice(0, 12)}`;
  return tokenRecord(token, { ...options, id, expiresAt: now() + ttlMs, autoDelete: true }, now());
}

/**
 * The row that a single server keeps. It is obsolete, or left from when there was only one node.
 */
async function dropOld(
  { config, tokens, now }: EnvironmentTokenOptions,
  isShared: boolean,
): Promise<void> {
  if (!isShared && config.adminToken === undefined) {
    await tokens.remove(environmentTokenId);
  }
  const alone = isShared ? await tokens.get(environmentTokenId) : undefined;
  if (alone?.expiresAt === null) {
    await tokens.update(alone.id, { expiresAt: now() + ttlMs, autoDelete: true });
  }
}
