/**
 * Memory that uploads are collected in on their way to the disk, used over and over: buffers that
 * live as long as a slow write grow old in V8's heap, and cost more to collect than it takes to
 * copy their bytes.
 */
export interface Blocks {
  take(): Buffer;
  /** Hands back blocks that are no longer read or written. */
  release(blocks: readonly Buffer[]): void;
}

export const blockBytes = 64 * 1024;
const keptBlocks = 128;

export function createBlocks(): Blocks {
  const free: Buffer[] = [];
  return {
    take: () => free.pop() ?? Buffer.allocUnsafeSlow(blockBytes),
    release(blocks) {
      for (const block of blocks) {
        if (free.length < keptBlocks) {
          free.push(block);
        }
      }
    },
  };
}
