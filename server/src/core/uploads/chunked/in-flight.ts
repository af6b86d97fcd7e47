/** Chunks that this node is receiving right now. */
export interface InFlight {
  /** Counts as under way until `work` has ended. */
  run<T>(uploadId: string, work: () => Promise<T>): Promise<T>;
  has(uploadId: string): boolean;
  /** Runs `work` after every earlier such work for the same upload and index has ended. */
  inTurn<T>(uploadId: string, index: number, work: () => Promise<T>): Promise<T>;
}

export function createInFlight(): InFlight {
  const underWay = new Map<string, number>();
  const turns = new Map<string, Promise<unknown>>();

  return {
    async run(uploadId, work) {
      underWay.set(uploadId, (underWay.get(uploadId) ?? 0) + 1);
      try {
        return await work();
      } finally {
        const left = (underWay.get(uploadId) ?? 1) - 1;
        if (left === 0) {
          underWay.delete(uploadId);
        } else {
          underWay.set(uploadId, left);
        }
      }
    },
    has: (uploadId) => underWay.has(uploadId),
    inTurn(uploadId, index, work) {
      const key = `${uploadId} ${index}`;
      const running = (turns.get(key) ?? Promise.resolve()).then(work);
      const ended = running
        .catch(() => undefined)
        .then(() => {
          if (turns.get(key) === ended) {
            turns.delete(key);
          }
        });
      turns.set(key, ended);
      return running;
    },
  };
}
