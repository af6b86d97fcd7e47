/** Callers that wait in the order they came until a rule lets them through, one after the other. */
export interface PacedQueue<Turn> {
  /**
   * Resolves when it is the caller's turn, with what the rule made of it. Rejects with the signal's
   * reason as soon as it aborts: the place in the queue is given up, and no turn is used.
   */
  take(signal?: AbortSignal): Promise<Turn>;
  /** Lets through those that may go now. To be called whenever the rule may have become milder. */
  serve(): void;
  /** Callers that wait. */
  readonly waiting: number;
}

export interface PacedQueueRule<Turn> {
  /** How long the first in line has to wait; Infinity: until something else calls `serve`. */
  waitMs(): number;
  /** Uses up one turn. */
  begin(): Turn;
}

export function createPacedQueue<Turn>({ waitMs, begin }: PacedQueueRule<Turn>): PacedQueue<Turn> {
  const queue: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;

  const serve = (): void => {
    clearTimeout(timer);
    while (queue.length > 0) {
      const ms = waitMs();
      if (ms > 0) {
        if (Number.isFinite(ms)) {
          timer = setTimeout(serve, Math.ceil(ms));
        }
        return;
      }
      queue.shift()?.();
    }
  };

  const leave = (go: () => void): void => {
    const at = queue.indexOf(go);
    if (at >= 0) {
      queue.splice(at, 1);
    }
    if (queue.length === 0) {
      clearTimeout(timer);
    }
  };

  return {
    async take(signal) {
      signal?.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<Turn>();
      const go = (): void => resolve(begin());
      const abort = (): void => {
        leave(go);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      queue.push(go);
      serve();
      return promise.finally(() => signal?.removeEventListener('abort', abort));
    },
    serve,
    get waiting() {
      return queue.length;
    },
  };
}
