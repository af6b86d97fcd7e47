const MiB = 1024 * 1024;
const youngBytes = 16 * MiB;
const oldBytes = 16 * MiB;
let passedBytes = 0;
let limitBytes = oldBytes;
let isJustCollected = false;

/**
 * Call with the size of every chunk of a body that passes through. V8 collects garbage by the size
 * of its own objects, and the object of a buffer is small: the bytes of dozens of MiB would wait
 * for it, grow old meanwhile, and cost a collection of everything. A look at the young objects
 * takes half a millisecond. With many slow bodies some buffers grow old all the same: then
 * everything is collected, at a quarter of what V8 would allow them. The launcher makes `gc`
 * available; without it, all this takes more memory.
 */
export function noteBytesPassed(bytes: number): void {
  passedBytes += bytes;
  if (passedBytes < youngBytes || globalThis.gc === undefined) {
    return;
  }
  passedBytes = 0;
  globalThis.gc({ type: 'minor' });
  const heldBytes = process.memoryUsage().arrayBuffers;
  // Buffers are given back some time after a collection: only now can be seen what it left.
  if (isJustCollected) {
    limitBytes = heldBytes + oldBytes;
  }
  isJustCollected = heldBytes > limitBytes;
  if (isJustCollected) {
    globalThis.gc({ type: 'major' });
  }
}

/**
 * Returns memory that only the start needed to the system: a quarter of the memory, for less than
 * 0.1 s.
 */
export function giveBackMemory(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
