import type { Socket } from 'node:net';

export interface LingerLimits {
  /** Bytes to read before the connection is cut anyway. Default 256 MiB. */
  readonly maxBytes?: number;
  /** Longest time in ms for that. Default 30 s. */
  readonly maxMs?: number;
  /** Longest silence in ms. Default 5 s. */
  readonly maxIdleMs?: number;
}

const lookMs = 250;
const lingering = new WeakSet<Socket>();

/**
 * RFC 9112 9.6: closes the writing side and reads on until the client closes too. Closing a
 * connection with unread bytes resets it, and the reset may discard a response that the client has
 * not read yet. The bytes that are read can be discarded.
 */
export function linger(socket: Socket, limits: LingerLimits = {}): void {
  if (lingering.has(socket)) {
    return;
  }
  lingering.add(socket);
  const { maxBytes = 256 * 2 ** 20, maxMs = 30_000, maxIdleMs = 5000 } = limits;
  const startedAt = performance.now();
  const startBytes = socket.bytesRead;
  let seenBytes = startBytes;
  let seenAt = startedAt;
  const timer = setInterval(() => {
    const now = performance.now();
    if (socket.bytesRead !== seenBytes) {
      [seenBytes, seenAt] = [socket.bytesRead, now];
    }
    const isOver =
      seenBytes - startBytes > maxBytes || now - startedAt > maxMs || now - seenAt > maxIdleMs;
    if (isOver) {
      socket.destroy();
    }
  }, lookMs);
  socket.once('close', () => clearInterval(timer));
  socket.end();
}
