import type { Config } from '../config.ts';

/** Address that the server listens on. */
export function listeningAddress({ host }: Pick<Config, 'host'>, port: number): string {
  return `http://${urlHost(host)}:${port}`;
}

/**
 * Address at which this machine reaches the server: loopback if the server listens on all
 * addresses.
 */
export function ownAddress({ host }: Pick<Config, 'host'>, port: number): string {
  return `http://${urlHost(loopbackOf(host))}:${port}`;
}

function loopbackOf(host: string): string {
  const bare = host.replace(/^\[|\]$/g, '');
  if (/^[0.]+$/.test(bare)) {
    return '127.0.0.1';
  }
  return /^[0:]+$/.test(bare) ? '::1' : host;
}

function urlHost(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
