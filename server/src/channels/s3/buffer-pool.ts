/**
 * Buffers of one size, reused, for the parts of uploads under way on one channel. None are kept
 * when there are no uploads.
 */
export interface BufferPool {
  readonly sizeBytes: number;
  /**
   * Buffers of one upload: `take` waits until there is one, `give` hands it back; at most `max` are
   * out at once.
   */
  lease(max: number): Lease;
}

export interface Lease {
  take(): Promise<Buffer>;
  give(buffer: Buffer): void;
}

/**
 * Every lease gets one buffer at once, so that no upload waits for another; further ones come out
 * of `extra` that all leases share, while there are any.
 */
export function createBufferPool(sizeBytes: number, extra: number): BufferPool {
  const idle: Buffer[] = [];
  let extraLeft = extra;
  let out = 0;

  const lease = (max: number): Lease => {
    let held = 0;
    let waiting: ((buffer: Buffer) => void) | undefined;
    const mayTake = (): boolean => held === 0 || (held < max && extraLeft > 0);
    return {
      take() {
        if (!mayTake()) {
          return new Promise((resolve) => (waiting = resolve));
        }
        if (held++ > 0) {
          extraLeft--;
        }
        out++;
        // Slow: of its own, not a slice of Node's shared pool; pages that are never written to cost
        // nothing.
        return Promise.resolve(idle.pop() ?? Buffer.allocUnsafeSlow(sizeBytes));
      },
      give(buffer) {
        const next = waiting;
        waiting = undefined;
        if (next !== undefined) {
          return next(buffer);
        }
        if (--held > 0) {
          extraLeft++;
        }
        if (--out === 0) {
          idle.length = 0;
        } else if (idle.length < extra) {
          idle.push(buffer);
        }
      },
    };
  };
  return { sizeBytes, lease };
}
