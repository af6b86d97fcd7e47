import { z } from 'zod';
import { toJson } from '../../core/bytes.ts';
import type { MetadataStore } from '../../core/metadata.ts';
import type { HttpDeps } from '../deps.ts';
import { type Incoming, type UnbelievedHeader, unbelievedHeader } from './client-address.ts';
import { isTrustedPeer, type TrustProxy } from './trust-proxy.ts';

const settingName = 'unbelieved_proxy_header';
const sighting = z.object({
  header: z.string(),
  peer: z.string(),
  reason: z.enum(['untrusted', 'contradiction']),
  at: z.number(),
});

/**
 * Watches for a proxy that is not trusted or names no caller, because all its callers then count as
 * one. Reports once per process, to the log and, for headers, to `doctor`. Only once, because any
 * caller can send such a request.
 */
export function createProxyWatch({
  settings: { trustProxy },
  log,
  metadata,
  now,
}: HttpDeps): (request: Incoming) => void {
  let warned = false;
  let warnedOfAbsence = false;
  return (request) => {
    const found = warned ? undefined : unbelievedHeader(request, trustProxy);
    if (found === undefined) {
      return;
    }
    const isAbsent = found.reason === 'absent';
    if (isAbsent && warnedOfAbsence) {
      return;
    }
    if (isAbsent) {
      warnedOfAbsence = true;
    } else {
      warned = true;
    }
    log.warn(
      { header: found.header, peer: found.peer, setting: 'STOWAGE_TRUST_PROXY' },
      proxyAdvice(found),
    );
    if (isAbsent) {
      return;
    }
    metadata.settings.set(settingName, toJson({ ...found, at: now() })).catch(() => undefined);
  };
}

/**
 * The last sighting of any process, unless the setting was changed since so that the header would
 * count.
 */
export async function lastSighting(
  { settings }: Pick<MetadataStore, 'settings'>,
  trustProxy: TrustProxy,
): Promise<z.infer<typeof sighting> | undefined> {
  const { data } = sighting.safeParse(await settings.get(settingName));
  if (data === undefined) {
    return undefined;
  }
  const isTrusted = isTrustedPeer(data.peer, trustProxy);
  return (data.reason === 'untrusted') === isTrusted ? undefined : data;
}

export function proxyAdvice({ header, peer, reason }: UnbelievedHeader): string {
  if (reason === 'contradiction') {
    return (
      `The proxy ${peer} sends X-Forwarded-For and X-Real-IP that name two callers: neither counts, and all its callers count as one. ` +
      `Let it overwrite both, or name the header that it writes: STOWAGE_TRUST_PROXY=${peer},x-real-ip`
    );
  }
  if (reason === 'absent') {
    return (
      `A request from ${peer} came over HTTP/1.0 and names no caller, as an nginx sends it that has only proxy_pass. If that is your reverse proxy, let it set Host, ` +
      `X-Forwarded-For and X-Forwarded-Proto (docs/operations.md): without them links name this machine, and all callers of the proxy count as one. If it is not, all is well.`
    );
  }
  return (
    `A request from ${peer} brought the header ${header}, which does not count, because trustProxy does not name that address. If it is your reverse proxy, ` +
    `set STOWAGE_TRUST_PROXY=${peer}: without it all callers of the proxy count as one. If it is not, the caller made the header up, and all is well.`
  );
}
