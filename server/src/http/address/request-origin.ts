import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { peerAddress, plainAddress } from './plain-address.ts';
import { isTrustedPeer, type TrustProxy } from './trust-proxy.ts';

export interface OriginSettings {
  /** Set by the owner. Takes precedence. */
  readonly publicUrl?: string | undefined;
  readonly trustProxy: TrustProxy;
}

/**
 * Where the caller reaches this server, as `https://host[:port]` (or `publicUrl`, which may have a
 * path), without a trailing slash. Without `publicUrl` it comes from the Host header, or from
 * X-Forwarded-Host and -Proto of a trusted proxy. A malformed host is ignored in favour of the
 * socket's address.
 */
export function requestOrigin(
  request: IncomingMessage,
  { publicUrl, trustProxy }: OriginSettings,
): string {
  if (publicUrl !== undefined) {
    return publicUrl.replace(/\/+$/, '');
  }
  const { socket, headers } = request;
  const behindProxy = isTrustedPeer(peerAddress(request), trustProxy);
  const forwarded = (name: string) =>
    behindProxy
      ? String(headers[name] ?? '')
          .split(',', 1)[0]
          ?.trim()
      : undefined;
  const scheme =
    /^https?$/i.exec(forwarded('x-forwarded-proto') ?? '')?.[0].toLowerCase() ??
    ('encrypted' in socket ? 'https' : 'http');
  const host = [forwarded('x-forwarded-host'), headers.host].find(
    (candidate) => candidate !== undefined && isHost(candidate),
  );
  return `${scheme}://${host?.toLowerCase() ?? socketHost(request)}`;
}

function isHost(host: string): boolean {
  return (
    host.length <= 261 &&
    /^(?:[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(host)
  );
}

function socketHost({ socket }: IncomingMessage): string {
  const address = plainAddress(socket.localAddress ?? '') ?? '127.0.0.1';
  return `${isIP(address) === 6 ? `[${address}]` : address}:${socket.localPort ?? 0}`;
}
