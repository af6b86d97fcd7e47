import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/**
 * Without port, brackets, zone and IPv4-in-IPv6 form. Undefined when the text is not an address.
 */
export function plainAddress(text: string): string | undefined {
  const bare =
    /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ??
    /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ??
    text;
  const address = bare.replace(/%.*$/, '').toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address;
  return isIP(mapped) === 0 ? undefined : mapped;
}

export const unknownAddress = 'unknown';

/** Of the nearest hop. */
export function peerAddress({ socket }: IncomingMessage): string {
  return plainAddress(socket.remoteAddress ?? '') ?? unknownAddress;
}
