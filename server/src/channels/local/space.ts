import { type StatsFs, statfs } from 'node:fs';
import { fail } from '../../core/errors.ts';
import { io } from './io.ts';

/**
 * Refuses writes before the disk is full, so that the database beside the objects can still be
 * written.
 */
export interface Space {
  /** Sets bytes aside for a body of `size` (unknown: none yet). Throws `disk_full`. */
  claim(size?: number): Promise<Claim>;
}

export interface Claim {
  /** Call before writing the next `bytes`. Throws `disk_full`. */
  take(bytes: number): Promise<void>;
  release(): void;
}

const freshMs = 1000;
const defaultReserveBytes = 256 * 1024 * 1024;
/**
 * Inodes that stay free, for the same reason; some file systems do not count them and say 0 of 0.
 */
const inodes = { reserve: 256, share: 0.01 };

/** `reserveBytes` stays free; by default 256 MiB or 2 % of the disk, whichever is smaller. */
export function createSpace(root: string, reserveBytes?: number): Space {
  let freeBytes = 0;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;
  // Announced but not written yet, by all uploads under way; written since the disk was asked last.
  let claimedBytes = 0;
  let writtenBytes = 0;

  const refresh = async () => {
    const { bavail, blocks, bsize, files, ffree } = await io<StatsFs>((done) => statfs(root, done));
    const reserve =
      reserveBytes ?? Math.min(defaultReserveBytes, Math.floor(blocks * bsize * 0.02));
    const hasInodes = files === 0 || ffree > Math.min(inodes.reserve, files * inodes.share);
    freeBytes = hasInodes ? bavail * bsize - reserve : -1;
    writtenBytes = 0;
    readAt = performance.now();
  };
  const beFresh = async () => {
    if (performance.now() - readAt > freshMs) {
      reading ??= refresh().finally(() => {
        reading = undefined;
      });
      await reading;
    }
  };
  /** Throws unless `moreBytes` fit beside all that is claimed. */
  const check = (moreBytes: number) => {
    if (freeBytes - claimedBytes - writtenBytes < moreBytes) {
      throw fail('disk_full');
    }
  };

  return {
    claim: async (size = 0) => {
      await beFresh();
      // Nothing may come in between these two.
      check(size);
      claimedBytes += size;
      let left = size;
      const give = (bytes: number) => {
        const given = Math.min(left, bytes);
        claimedBytes -= given;
        left -= given;
      };
      return {
        take: async (bytes) => {
          give(bytes);
          writtenBytes += bytes;
          await beFresh();
          check(0);
        },
        release: () => give(left),
      };
    },
  };
}
