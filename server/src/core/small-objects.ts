import type { Ref } from './channel.ts';
import { own } from './own.ts';

/**
 * Small objects as rows of the database, each under the id of its blob. A row is written by the
 * change that adds the blob (`NewFile.row`) and goes with it, in the same transaction: bytes and
 * promise are durable together, and neither is ever without the other.
 */
export interface SmallObjectStore {
  /** The bytes; undefined when there is no such row. */
  get(id: string): Promise<Uint8Array | undefined>;
  /** Idempotent. For a copy that another one replaces while its blob stays. */
  delete(id: string): Promise<void>;
}

/** The ref of an object that is a row. */
export function rowRef(id: string): Ref {
  return { row: id };
}

/** The id of the row that a ref names; undefined when the object lies elsewhere. */
export function rowOf(ref: Ref): string | undefined {
  const row = isRecord(ref) ? own(ref, 'row') : undefined;
  return typeof row === 'string' ? row : undefined;
}

function isRecord(ref: Ref): ref is Readonly<Record<string, Ref | undefined>> {
  return typeof ref === 'object' && ref !== null && !Array.isArray(ref);
}
