import type { MetadataStore, Segment } from '../core/metadata.ts';
import { rowOf } from '../core/small-objects.ts';
import { hashOf } from '../core/streams/hash.ts';
import { databaseFile, type ObjectProblem } from './manifest.ts';

type RowProblem = Pick<ObjectProblem, 'path' | 'problem'>;

/**
 * An object that is a row of the snapshot needs no copy, but its bytes are compared with their hash
 * as those of a copy are. Undefined when it is a file, or intact.
 */
export async function checkRow(
  snapshot: MetadataStore,
  { ref, hash }: Segment,
): Promise<RowProblem | undefined> {
  const row = rowOf(ref);
  if (row === undefined) {
    return undefined;
  }
  const bytes = await snapshot.smallObjects?.get(row);
  const path = `${databaseFile}/${row}`;
  if (bytes === undefined) {
    return { path, problem: 'missing' };
  }
  return hashOf(bytes) === hash ? undefined : { path, problem: 'damaged' };
}
