import type { Socket } from 'node:net';
import { networksOf } from '../../core/access/network.ts';
import type { Log } from '../../core/log.ts';

export interface AddressCap {
  /**
   * Maximum number of concurrent connections of one address, or of one IPv6 /64, which is what a
   * single customer gets. 0: unlimited.
   */
  readonly maxPerAddress: number;
  /** Whether an address stands for many clients. */
  isProxy(address: string): boolean;
  readonly log: Log;
}

const quietMs = 60_000;

/** Returns whether a new connection may stay. It is counted until it closes. */
export function createAddressCap({
  maxPerAddress,
  isProxy,
  log,
}: AddressCap): (socket: Socket) => boolean {
  if (maxPerAddress === 0) {
    return () => true;
  }
  const counts = new Map<string, number>();
  let warnedAt = Number.NEGATIVE_INFINITY;

  function warn(address: string): void {
    if (performance.now() - warnedAt < quietMs) {
      return;
    }
    warnedAt = performance.now();
    log.warn({ address, maxPerAddress }, 'Closing connections beyond maxConnectionsPerAddress');
  }

  return (socket) => {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined || isProxy(remoteAddress)) {
      return true;
    }
    const key = networksOf(remoteAddress).near;
    const count = counts.get(key) ?? 0;
    if (count >= maxPerAddress) {
      warn(key);
      return false;
    }
    counts.set(key, count + 1);
    socket.once('close', () => {
      const left = (counts.get(key) ?? 1) - 1;
      if (left === 0) {
        counts.delete(key);
      } else {
        counts.set(key, left);
      }
    });
    return true;
  };
}
