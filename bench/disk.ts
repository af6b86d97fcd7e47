import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A folder on a fresh file system, and how to get rid of it. */
export interface Disk {
  readonly folder: string;
  remove(): Promise<void>;
}

/** Sparse: takes what is written to it. */
const IMAGE_BYTES = 24 * 2 ** 30;

/**
 * ext4 slows down threefold right after many deletions, so every round gets a new one, loop-mounted
 * from an image under `base`. Who is not root gets a new folder, and nothing in it is deleted
 * before the end.
 */
export async function freshDisk(base: string): Promise<Disk> {
  await mkdir(base, { recursive: true });
  const root = await mkdtemp(join(base, 'round-'));
  const remove = () => rm(root, { recursive: true, force: true });
  if (process.getuid?.() !== 0 || !existsSync('/dev/loop-control')) {
    return { folder: root, remove };
  }
  const image = join(root, 'image');
  const folder = join(root, 'mounted');
  await writeFile(image, '');
  await truncate(image, IMAGE_BYTES);
  await mkdir(folder);
  execFileSync('mkfs.ext4', [
    '-q',
    '-F',
    '-m',
    '0',
    '-E',
    'lazy_itable_init=0,lazy_journal_init=0',
    image,
  ]);
  execFileSync('mount', ['-o', 'loop,noatime', image, folder]);
  await rm(join(folder, 'lost+found'), { recursive: true });
  return {
    folder,
    async remove() {
      execFileSync('umount', ['--lazy', folder]);
      await remove();
    },
  };
}

/**
 * Waits until everything written so far is on the disk, so that one server does not pay for
 * another.
 */
export function settle(): void {
  execFileSync('sync');
}
