import { writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

const maxQueuedBytes = 1 << 20;
const pauseMs = 250;

/** Writes from `start` on; returns how many bytes it took, or throws. */
export type Write = (bytes: Uint8Array, start: number) => number;

/** To standard output; at the end of the process, what waits gets one more try. */
export function stdoutDestination(): DestinationStream {
  const destination = createLogDestination((bytes, start) => writeSync(1, bytes, start));
  process.once('exit', destination.flush);
  return destination;
}

/**
 * Lines go out at once. A full disk, or a reader that does not keep up, never holds up the server:
 * up to 1 MiB waits for better times, what is more is lost, and the number of lost lines is logged
 * as soon as there is room.
 */
export function createLogDestination(write: Write): DestinationStream & { flush(): void } {
  const queue: Uint8Array[] = [];
  let queuedBytes = 0;
  let lostLines = 0;
  let isWaiting = false;
  const flushSoon = (): void => {
    if (!isWaiting) {
      setTimeout(flush, pauseMs).unref();
    }
    isWaiting = true;
  };

  const keep = (bytes: Uint8Array): void => {
    queue.push(bytes);
    queuedBytes += bytes.length;
    flushSoon();
  };
  function flush(): void {
    isWaiting = false;
    while (queue.length > 0) {
      const waiting = queue.shift() ?? new Uint8Array();
      queuedBytes -= waiting.length;
      const rest = unwritten(waiting, write);
      if (rest === undefined) {
        continue;
      }
      queue.unshift(rest);
      queuedBytes += rest.length;
      flushSoon();
      return;
    }
    if (lostLines === 0) {
      return;
    }
    const lost = {
      level: 'warn',
      time: new Date().toISOString(),
      lines: lostLines,
      msg: 'Log lines were lost: they could not be written',
    };
    lostLines = 0;
    keep(Buffer.from(`${JSON.stringify(lost)}\n`));
  }

  return {
    write(line) {
      const bytes = Buffer.from(line);
      const rest = queue.length > 0 ? bytes : unwritten(bytes, write);
      if (rest === undefined) {
        return;
      }
      // Half a line is finished later in any case.
      if (rest === bytes && queuedBytes + bytes.length > maxQueuedBytes) {
        lostLines++;
      } else {
        keep(rest);
      }
    },
    flush,
  };
}

/** What could not be written; undefined when all was. */
function unwritten(bytes: Uint8Array, write: Write): Uint8Array | undefined {
  let at = 0;
  try {
    while (at < bytes.length) {
      at += write(bytes, at);
    }
    return undefined;
  } catch {
    return at === 0 ? bytes : bytes.subarray(at);
  }
}
