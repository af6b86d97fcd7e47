import type { FileRecord } from '../metadata.ts';

/** Upload API 4.3: whether only those may read it who manage the library. */
export function isBlocked({ listType, label }: Pick<FileRecord, 'listType' | 'label'>): boolean {
  return listType === 'Block' || (label === 'adult' && listType !== 'White');
}
