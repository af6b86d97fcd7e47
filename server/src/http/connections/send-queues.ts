import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';

/**
 * Bytes that the system has yet to deliver on each connection, by `portsOf`. Undefined where the
 * system does not report them.
 */
export type SendQueues = ReadonlyMap<string, number>;

const tables = ['/proc/net/tcp', '/proc/net/tcp6'];

/**
 * Linux reports how many written bytes the other side has not acknowledged. Without that, a slow
 * reader looks like a silent one: a socket takes new bytes only when a third of its buffer, which
 * may be megabytes, is free.
 */
export async function readSendQueues(): Promise<SendQueues | undefined> {
  const texts = await Promise.all(tables.map((table) => readFile(table, 'latin1').catch(() => '')));
  return texts[0] === '' && texts[1] === '' ? undefined : parseSendQueues(texts.join('\n'));
}

/**
 * Connections of different addresses with the same ports count as one. That is enough to see
 * whether anything moves.
 */
export function parseSendQueues(text: string): SendQueues {
  const queues = new Map<string, number>();
  for (const [, local = '', remote = '', bytes = ''] of text.matchAll(line)) {
    const ports = `${Number.parseInt(local, 16)}:${Number.parseInt(remote, 16)}`;
    queues.set(ports, (queues.get(ports) ?? 0) + Number.parseInt(bytes, 16));
  }
  return queues;
}

// `sl local_address rem_address st tx_queue:rx_queue ...`
const line =
  /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]{2} ([0-9A-F]{8}):/gm;

export function portsOf({ localPort, remotePort }: Socket): string {
  return `${localPort}:${remotePort}`;
}
