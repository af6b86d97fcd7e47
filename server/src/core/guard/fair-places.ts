import { createSemaphore, type Semaphore } from './semaphore.ts';

/**
 * Places for work of many owners. No owner holds more than its share, however much it has waiting:
 * there is room for others.
 */
export interface FairPlaces {
  /** Resolves with the function that gives the place back (safe to call twice). */
  acquire(owner: string, signal: AbortSignal): Promise<() => void>;
}

export function createFairPlaces({
  total,
  perOwner,
}: {
  readonly total: number;
  readonly perOwner: number;
}): FairPlaces {
  const all = createSemaphore(total);
  const owners = new Map<string, { readonly share: Semaphore; users: number }>();

  const enter = (owner: string): { readonly share: Semaphore; leave: () => void } => {
    const entry = owners.get(owner) ?? { share: createSemaphore(perOwner), users: 0 };
    owners.set(owner, entry);
    entry.users++;
    const leave = (): void => {
      if (--entry.users === 0) {
        owners.delete(owner);
      }
    };
    return { share: entry.share, leave };
  };

  return {
    async acquire(owner, signal) {
      const { share, leave } = enter(owner);
      const releases = [leave];
      // In the order opposite to that of taking, each once.
      const release = (): void => {
        for (const giveBack of releases.splice(0).reverse()) {
          giveBack();
        }
      };
      try {
        releases.push(await share.acquire(signal));
        releases.push(await all.acquire(signal));
        return release;
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}
