import { statSync } from 'node:fs';
import type { GetOptions, GetResult, Rows } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import type { SmallObjectStore } from '../../core/small-objects.ts';
import { once } from '../../core/streams/body.ts';
import { ioSync } from './io.ts';
import type { Space } from './space.ts';

/** Objects of the channel that are rows of the database. */
export interface RowObjects {
  /** As `Channel.rows`. */
  readonly rows: Rows | undefined;
  get(id: string, options: GetOptions): Promise<GetResult>;
  size(id: string): Promise<number>;
  delete(id: string): Promise<void>;
}

export interface RowOptions {
  readonly store: SmallObjectStore | undefined;
  /** Of a new one; 0 makes none. */
  readonly maxBytes: number;
  readonly root: string;
  readonly dataDir: string;
  readonly space: Space;
}

export function createRowObjects(options: RowOptions): RowObjects {
  const { store } = options;
  const read = async (id: string): Promise<Uint8Array> => {
    const bytes = await store?.get(id);
    if (bytes === undefined) {
      throw fail('not_found');
    }
    return bytes;
  };
  return {
    rows: isForNew(options) ? rowsOf(options) : undefined,
    async get(id, { range, signal }) {
      signal.throwIfAborted();
      const bytes = await read(id);
      const wanted = range === undefined ? bytes : bytes.subarray(range.start, range.end + 1);
      return { stream: once(wanted), size: wanted.length };
    },
    size: async (id) => (await read(id)).length,
    delete: async (id) => store?.delete(id),
  };
}

function rowsOf({ maxBytes, space }: RowOptions): Rows {
  return {
    maxBytes,
    requireRoom: async (bytes) => {
      const claim = await space.claim(bytes);
      await claim.take(bytes).finally(claim.release);
    },
  };
}

/** An owner who gave the channel a disk of its own wants the bytes there. */
function isForNew({ store, maxBytes, root, dataDir }: RowOptions): boolean {
  const deviceOf = (path: string): number => ioSync(() => statSync(path).dev);
  return store !== undefined && maxBytes > 0 && deviceOf(root) === deviceOf(dataDir);
}
