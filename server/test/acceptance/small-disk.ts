import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A disk of its own that is full soon. */
export interface SmallDisk {
  readonly path: string;
  /** Takes all that is free. */
  fill(): Promise<void>;
  free(): Promise<void>;
  remove(): void;
}

/** Needs the right to mount: undefined without. */
export function smallDisk(sizeMib: number): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), 'stowage-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMib}m,mode=0700`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    rmdirSync(path);
    return undefined;
  }
  const ballast = join(path, 'ballast');
  return {
    path,
    async fill() {
      const file = await open(ballast, 'a');
      try {
        for (const size of [65_536, 4096]) {
          const zeros = Buffer.alloc(size);
          for (;;) await file.write(zeros);
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      } finally {
        await file.close();
      }
      const { bavail } = await statfs(path);
      if (bavail > 1) throw new Error(`The disk is not full: ${bavail} blocks are free.`);
    },
    free: () => rm(ballast, { force: true }),
    remove() {
      execFileSync('umount', ['-l', path]);
      rmdirSync(path);
    },
  };
}
