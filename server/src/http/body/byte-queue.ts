/** Chunks in transit from a pushing producer to one pulling reader. */
export interface ByteQueue {
  push(chunk: Uint8Array): void;
  /**
   * Ends the queue. Without an error the reader still gets the queued chunks; with one it gets the
   * error at once. Only the first call counts.
   */
  close(error?: Error): void;
  /** One call at a time. Resolves at once while chunks are queued. */
  next(): Promise<IteratorResult<Uint8Array, undefined>>;
  readonly closed: boolean;
}

export interface ByteQueueHooks {
  /** Asks the producer to pause (`false`) or to resume. */
  flow(on: boolean): void;
  /** More bytes than this pause the producer, fewer than half resume it. May change. */
  readonly share: { readonly bytes: number };
  /** The reader has waited for `idleMs` without a byte. */
  readonly idleMs: number;
  onIdle(): void;
}

// What a queued chunk costs beside its bytes. A client that sends single bytes must not fill the
// memory with a million chunks.
const chunkCostBytes = 512;

export function createByteQueue(hooks: ByteQueueHooks): ByteQueue {
  type Result = IteratorResult<Uint8Array, undefined>;
  let chunks: Uint8Array[] = [];
  let head = 0;
  let heldBytes = 0;
  let paused = false;
  let closed = false;
  let failure: Error | undefined;
  let waiter: { resolve(result: Result): void; reject(error: Error): void } | undefined;
  let idle: NodeJS.Timeout | undefined;

  function push(chunk: Uint8Array): void {
    if (closed) {
      return;
    }
    if (waiter !== undefined) {
      waiter.resolve({ done: false, value: chunk });
      waiter = undefined;
      return;
    }
    chunks.push(chunk);
    heldBytes += chunk.length + chunkCostBytes;
    if (heldBytes <= hooks.share.bytes || paused) {
      return;
    }
    paused = true;
    hooks.flow(false);
  }

  function close(error?: Error): void {
    if (closed) {
      return;
    }
    closed = true;
    failure = error;
    clearTimeout(idle);
    if (error !== undefined) {
      chunks = [];
    }
    if (error === undefined) {
      waiter?.resolve({ done: true, value: undefined });
    } else {
      waiter?.reject(error);
    }
    waiter = undefined;
  }

  function shift(chunk: Uint8Array): Promise<Result> {
    head++;
    heldBytes -= chunk.length + chunkCostBytes;
    if (head === chunks.length || head === 64) {
      chunks = chunks.slice(head);
      head = 0;
    }
    if (paused && heldBytes <= hooks.share.bytes / 2 && !closed) {
      paused = false;
      hooks.flow(true);
    }
    return Promise.resolve({ done: false, value: chunk });
  }

  function next(): Promise<Result> {
    const chunk = chunks[head];
    if (chunk !== undefined) {
      return shift(chunk);
    }
    if (failure !== undefined) {
      return Promise.reject(failure);
    }
    if (closed) {
      return Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve, reject) => {
      waiter = { resolve, reject };
      // Silence counts only while a reader waits. A slow store must not time out a client that the
      // server has paused.
      idle ??= setTimeout(() => waiter !== undefined && hooks.onIdle(), hooks.idleMs);
      idle.refresh();
    });
  }

  return {
    push,
    close,
    next,
    get closed() {
      return closed;
    },
  };
}
