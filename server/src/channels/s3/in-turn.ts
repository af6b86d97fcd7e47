import type { Channel } from '../../core/channel.ts';

/**
 * Calls with the same key one after the other. Core abandons a call and tries again with the same
 * key without waiting for the driver to end; what the first call clears up must not be what the
 * second one stores.
 */
export function inTurn(put: Channel['put']): Channel['put'] {
  const underWay = new Map<string, Promise<unknown>>();
  return async (source, options) => {
    const { key } = options;
    const previous = underWay.get(key);
    const call =
      previous === undefined ? put(source, options) : previous.then(() => put(source, options));
    const settled = call.catch(() => undefined);
    underWay.set(key, settled);
    try {
      return await call;
    } finally {
      if (underWay.get(key) === settled) {
        underWay.delete(key);
      }
    }
  };
}
