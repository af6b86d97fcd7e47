import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, statfs, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const GIB = 2 ** 30;

/** Sparse: takes what is written to it. */
const IMAGE_BYTES = 48 * GIB;
/** Free space that the largest scenario needs: 50 x 100 MiB, twice, and room to spare. */
const NEEDED_BYTES = 14 * GIB;

/** Where servers write. */
export interface Disk {
  /** How it is made, in a few words. */
  readonly kind: string;
  /** An empty folder; as root on a file system made for it. What was there before is gone. */
  fresh(): Promise<string>;
  /** Ends the use of the folder. No process may be in it any more. */
  clear(): Promise<void>;
  remove(): Promise<void>;
}

/** Throws when `base` has not the space that scenarios of this scale need. */
export async function openDisk(base: string, scale: number): Promise<Disk> {
  await mkdir(base, { recursive: true });
  const { bavail, bsize } = await statfs(base);
  const neededBytes = GIB + NEEDED_BYTES * scale;
  if (bavail * bsize < neededBytes) {
    throw new Error(
      `${base} has ${gib(bavail * bsize)} GiB free and the bench needs ${gib(neededBytes)}: name another folder with --folder, or a smaller --scale.`,
    );
  }
  const root = await mkdtemp(join(base, 'disk-'));
  // PostgreSQL runs as a user of its own.
  await chmod(root, 0o755);
  const isRoot = process.getuid?.() === 0 && existsSync('/dev/loop-control');
  return isRoot ? openImage(root) : openFolder(root);
}

function openFolder(root: string): Disk {
  let folder: string | undefined;
  const clear = async () => {
    if (folder !== undefined) {
      await rm(folder, { recursive: true, force: true });
    }
    folder = undefined;
  };
  return {
    kind: 'a new folder for each measurement (as root: a new file system)',
    async fresh() {
      await clear();
      folder = await mkdtemp(join(root, 'folder-'));
      return folder;
    },
    clear,
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

/**
 * ext4 slows down threefold right after many deletions, so every measurement gets a new one in the
 * same image; `mkfs` punches out what the last one wrote. Direct I/O between the image and the real
 * disk: otherwise every byte is in memory twice, and the copies take the CPU of the servers.
 */
async function openImage(root: string): Promise<Disk> {
  const image = join(root, 'image');
  const folder = join(root, 'mounted');
  await writeFile(image, '');
  await truncate(image, IMAGE_BYTES);
  await mkdir(folder);
  let device: string | undefined;
  const clear = async () => {
    if (device !== undefined) {
      await run('umount', [folder]).catch(() => run('umount', ['--lazy', folder]));
      await run('losetup', ['--detach', device]);
    }
    device = undefined;
  };
  return {
    kind: 'a new ext4 for each measurement, in a sparse image behind a loop device',
    async fresh() {
      await clear();
      await makeFileSystem(image);
      device = await attach(image);
      await run('mount', ['-o', 'noatime', device, folder]);
      await rm(join(folder, 'lost+found'), { recursive: true });
      return folder;
    },
    clear,
    async remove() {
      await clear();
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function makeFileSystem(image: string): Promise<void> {
  const options = 'discard,lazy_itable_init=0,lazy_journal_init=0';
  await run('mkfs.ext4', ['-q', '-F', '-m', '0', '-E', options, image]);
}

async function attach(image: string): Promise<string> {
  const losetup = async (directIo: string) =>
    (await run('losetup', ['--find', '--show', `--direct-io=${directIo}`, image])).stdout.trim();
  return losetup('on').catch(() => losetup('off'));
}

/** Waits until everything written to this file system is on its disk. */
export async function syncFileSystem(folder: string): Promise<void> {
  await run('sync', ['--file-system', folder]);
}

function gib(bytes: number): string {
  return (bytes / GIB).toFixed(0);
}
