import type { IncomingMessage } from 'node:http';
import { fail } from '../../core/errors.ts';
import { createByteBudget, type Share } from '../../core/streams/byte-budget.ts';
import { whenAnswered } from '../connections/turns.ts';

/** Text of one request that stays in memory until its response is sent. */
export interface HeldText {
  /**
   * Throws `service_unavailable` (retryable) when this request holds more than its share while
   * others hold much too.
   */
  add(bytes: number): void;
}

const kiB = 1024;
/** Covers what real requests send, however many there are. */
const freeBytes = 64 * kiB;
// One per process, like its memory. The largest share exceeds what a form can hold, so a lone
// request always gets in.
const budget = createByteBudget({
  totalBytes: 8 * 1024 * kiB,
  minBytes: freeBytes,
  maxBytes: 8 * 1024 * kiB,
});

export function holdText(request: IncomingMessage): HeldText {
  let heldBytes = 0;
  let share: Share | undefined;
  return {
    add(bytes) {
      heldBytes += bytes;
      if (heldBytes <= freeBytes) {
        return;
      }
      share ??= joinUntilAnswered(request);
      if (heldBytes <= share.bytes) {
        return;
      }
      throw fail('service_unavailable', {
        message: 'The server is reading too many requests with long texts at the moment.',
        retryAfterMs: 2000,
      });
    },
  };
}

function joinUntilAnswered(request: IncomingMessage): Share {
  const share = budget.join();
  whenAnswered(request, share.leave);
  return share;
}
