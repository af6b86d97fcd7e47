import { randomFillSync } from 'node:crypto';

const poolBytes = 4096;
const pool = Buffer.alloc(poolBytes);
let used = poolBytes;
let lastMs = 0;
let counter = 0;

/**
 * A new UUID version 7 (RFC 9562): 48 bits of `now` in ms, a counter that keeps the order within a
 * ms, 62 bits from the CSPRNG. The ids of one process ascend, also when its clock is set back.
 */
export function uuidv7(now: number = Date.now()): string {
  // One call for hundreds of ids: a call to the generator costs more than the rest of this
  // function.
  if (used + 10 > poolBytes) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.toString('hex', used, used + 10);
  if (now > lastMs) {
    lastMs = now;
    // Leaves at least half of its 12 bits for counting.
    counter = pool.readUInt16BE(used + 8) & 0x7ff;
  } else if (++counter > 0xfff) {
    lastMs++;
    counter = 0;
  }
  used += 10;
  const time = lastMs.toString(16).padStart(12, '0');
  const variant = '89ab'[Number.parseInt(random[0] ?? '0', 16) & 3];
  const order = counter.toString(16).padStart(3, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${order}-${variant}${random.slice(1, 4)}-${random.slice(4, 16)}`;
}

/** True for the text form of any UUID, in either case. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
}
