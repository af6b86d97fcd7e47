import type { Socket } from 'node:net';
import { portsOf, readSendQueues, type SendQueues } from './send-queues.ts';

interface Sight {
  /** Changes with every byte that is delivered. */
  readonly mark: string;
  readonly at: number;
}

/**
 * Where the system does not report acknowledgements, only whole writes are visible. Honest slow
 * readers need more time for one.
 */
const patienceWithoutQueues = 10;

/**
 * Ends connections whose client has read no byte for `idleMs` although bytes wait for it, and so
 * frees what they hold, such as a descriptor or a read from a store. There is no minimum speed: one
 * byte in time is enough. Checks at intervals, so that requests cost nothing. Returns a function
 * that stops it.
 */
export function endSilentReaders(connections: Iterable<Socket>, idleMs: number): () => void {
  const seen = new Map<Socket, Sight>();

  async function look(): Promise<void> {
    const held = [...connections].filter((socket) => socket.writableLength > 0);
    for (const socket of seen.keys()) {
      if (socket.destroyed || socket.writableLength === 0) {
        seen.delete(socket);
      }
    }
    if (held.length === 0) {
      return;
    }
    const queues = await readSendQueues();
    const patienceMs = queues === undefined ? patienceWithoutQueues * idleMs : idleMs;
    for (const socket of held) {
      judge(socket, markOf(socket, queues), patienceMs);
    }
  }

  function judge(socket: Socket, mark: string, patienceMs: number): void {
    const now = performance.now();
    const sight = seen.get(socket);
    if (sight?.mark !== mark) {
      seen.set(socket, { mark, at: now });
    }
    // A reset, because the system would otherwise keep undelivered bytes for minutes.
    else if (now - sight.at >= patienceMs) {
      socket.resetAndDestroy();
    }
  }

  let isLooking = false;
  const timer = setInterval(
    () => {
      if (isLooking) {
        return;
      }
      isLooking = true;
      void look().finally(() => {
        isLooking = false;
      });
    },
    Math.min(10_000, Math.max(100, idleMs / 8)),
  ).unref();
  return () => clearInterval(timer);
}

function markOf(socket: Socket, queues: SendQueues | undefined): string {
  return `${socket.bytesWritten - socket.writableLength} ${queues?.get(portsOf(socket)) ?? ''}`;
}
