const everyBytes = 16 * 1024 * 1024;
let passedBytes = 0;

/**
 * To be told of the bytes of every body that passes. V8 decides by the size of its own objects when to collect garbage, and a buffer's object is small:
 * the bytes of dozens of MiB would wait, grow old and cost a collection of everything in the end. A look at the young objects alone costs
 * half a millisecond. The launcher makes `gc` available; without it, memory is larger.
 */
export function noteTurnover(bytes: number): void {
  passedBytes += bytes;
  if (passedBytes < everyBytes) return;
  passedBytes = 0;
  globalThis.gc?.({ type: 'minor' });
}
