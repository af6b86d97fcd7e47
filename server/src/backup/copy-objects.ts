import { link, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Segment } from '../core/metadata.ts';
import { type Content, contentOf, copyFile, isMissing, isSame, sizeOf } from './files.ts';

export type CopyOutcome = 'copied' | 'linked' | 'kept' | 'missing' | 'damaged';

export interface ObjectCopy {
  readonly from: string;
  readonly to: string;
  /** The same object in an earlier backup. */
  readonly earlier?: string | undefined;
  readonly segment: Segment;
}

const wantedOf = ({ size, hash }: Segment): Content => ({ bytes: size, blake3: hash });

/**
 * Adds an object to a backup: a hard link to the copy in an earlier backup where the file system
 * allows one, otherwise a copy verified by its hash. Keeps an object that is already there. A
 * failed copy leaves nothing behind.
 */
export async function backUpObject({
  from,
  to,
  earlier,
  segment,
}: ObjectCopy): Promise<CopyOutcome> {
  if ((await sizeOf(to)) !== undefined) {
    return 'kept';
  }
  if (earlier !== undefined && (await linkSame(earlier, to, segment.size))) {
    return 'linked';
  }
  return copyObject(from, to, segment);
}

/**
 * Copies an object out of a backup. Keeps an object that an interrupted restore left in its place
 * if it is intact.
 */
export async function restoreObject({
  from,
  to,
  segment,
}: Omit<ObjectCopy, 'earlier'>): Promise<CopyOutcome> {
  if ((await sizeOf(to)) !== undefined) {
    if (isSame(await contentOf(to), wantedOf(segment))) {
      return 'kept';
    }
    await unlink(to);
  }
  return copyObject(from, to, segment);
}

async function linkSame(from: string, to: string, sizeBytes: number): Promise<boolean> {
  if ((await sizeOf(from)) !== sizeBytes) {
    return false;
  }
  // Some file systems have no hard links, others limit their number.
  return link(from, to).then(
    () => true,
    () => false,
  );
}

async function copyObject(from: string, to: string, segment: Segment): Promise<CopyOutcome> {
  const wanted = wantedOf(segment);
  try {
    return isSame(await copyFile(from, to, wanted), wanted) ? 'copied' : 'damaged';
  } catch (error) {
    if (isMissing(error) && (await sizeOf(dirname(to))) !== undefined) {
      return 'missing';
    }
    throw error;
  }
}
