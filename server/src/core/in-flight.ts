/** Chunks that this node is receiving right now. */
export interface InFlight {
  /** Runs `work` after every earlier work for the same upload and index has ended. */
  run<T>(uploadId: string, index: number, work: () => Promise<T>): Promise<T>;
  /** Resolves when nothing of this upload is under way here. */
  idle(uploadId: string): Promise<void>;
}

export function createInFlight(): InFlight {
  const uploads = new Map<string, Map<number, Promise<unknown>>>();

  return {
    run(uploadId, index, work) {
      const chunks = uploads.get(uploadId) ?? new Map<number, Promise<unknown>>();
      uploads.set(uploadId, chunks);
      const before = chunks.get(index) ?? Promise.resolve();
      const running = before.catch(() => undefined).then(work);
      const tracked = running
        .catch(() => undefined)
        .then(() => {
          if (chunks.get(index) !== tracked) return;
          chunks.delete(index);
          if (chunks.size === 0) uploads.delete(uploadId);
        });
      chunks.set(index, tracked);
      return running;
    },
    async idle(uploadId) {
      for (let chunks = uploads.get(uploadId); chunks !== undefined && chunks.size > 0; chunks = uploads.get(uploadId)) {
        await Promise.all(chunks.values());
      }
    },
  };
}
