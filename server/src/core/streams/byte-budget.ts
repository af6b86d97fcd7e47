/**
 * Bytes of memory that all who take part at a time share equally, so that many transfers at once
 * need no more than a few.
 */
export interface ByteBudget {
  /** Call `leave` once, at the end. */
  join(): Share;
}

export interface Share {
  /** What this one may hold at the moment; less when others have joined. */
  readonly bytes: number;
  leave(): void;
}

export interface BudgetLimits {
  readonly totalBytes: number;
  /** Minimum of each share, however many there are. */
  readonly minBytes: number;
  /** Maximum of each share; more would be of no use. */
  readonly maxBytes: number;
}

export function createByteBudget({ totalBytes, minBytes, maxBytes }: BudgetLimits): ByteBudget {
  let members = 0;
  let bytes = maxBytes;
  const change = (by: number): void => {
    members += by;
    bytes = Math.min(maxBytes, Math.max(minBytes, Math.floor(totalBytes / members)));
  };
  return {
    join() {
      change(1);
      let hasLeft = false;
      return {
        get bytes() {
          return bytes;
        },
        leave() {
          if (!hasLeft) {
            change(-1);
          }
          hasLeft = true;
        },
      };
    },
  };
}
