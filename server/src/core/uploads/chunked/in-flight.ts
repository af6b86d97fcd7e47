import { createKeyedMutex } from '../../guard/keyed-mutex.ts';

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
  const turns = createKeyedMutex();

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
    inTurn: (uploadId, index, work) => turns.run(`${uploadId} ${index}`, work),
  };
}
