import { randomBytes } from 'node:crypto';
import { lstatSync, rmSync, type StatsFs, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { replaceFile } from '../../core/disk/replace-file.ts';

/**
 * Space and inodes reserved beside the database. They are released when the disk is completely
 * full, so that writes which make room again (deletions, their jobs, a start) still succeed.
 */
export interface Ballast {
  /** Releases it. False when there is none. */
  release(): boolean;
  /** Whether it was released and there is still no room for it. Recreates it once there is. */
  isMissing(): boolean;
}

/** Each file is an inode as well. */
const files = 4;
const largestBytes = 16 << 20;
/** Of the whole disk. A local channel leaves twice as much free. */
const share = 0.01;
const lookMs = 250;

const found = (name: string) => lstatSync(name, { throwIfNoEntry: false });

/**
 * Ballast for the database at `path`, of random bytes, because a compressing file system would
 * shrink others to nothing.
 */
export function createBallast(path: string): Ballast {
  const names = Array.from({ length: files }, (_, index) => `${path}-ballast${index + 1}`);
  let isGivenUp = false;
  let lookedAt = Number.NEGATIVE_INFINITY;

  /** Size of each file. */
  const sizeOn = ({ blocks, bsize }: StatsFs): number =>
    Math.ceil(Math.min(largestBytes, Math.floor(blocks * bsize * share)) / files);
  /** Whether each file has all its bytes. A power cut may have left only their names. */
  const isWhole = (): boolean => {
    const size = sizeOn(statfsSync(dirname(path)));
    return names.map(found).every((file) => file?.isFile() === true && file.size >= size);
  };
  const make = (): boolean => {
    const disk = statfsSync(dirname(path));
    const size = sizeOn(disk);
    if (disk.bavail * disk.bsize < 2 * files * size) {
      return false;
    }
    try {
      const content = randomBytes(size);
      for (const name of names) {
        replaceFile(name, content, { flush: true });
      }
      return true;
    } catch {
      remove();
      return false;
    }
  };
  const remove = (): boolean => {
    const there = names.filter((name) => found(name)?.isDirectory() === false);
    for (const name of there) {
      rmSync(name, { force: true });
    }
    return there.length > 0;
  };
  let isAbsent = !isWhole() && !make();

  return {
    release() {
      isGivenUp = true;
      return remove();
    },
    isMissing() {
      if (!(isGivenUp || isAbsent) || performance.now() - lookedAt < lookMs) {
        return isGivenUp;
      }
      lookedAt = performance.now();
      isAbsent = !make();
      isGivenUp &&= isAbsent;
      return isGivenUp;
    },
  };
}
