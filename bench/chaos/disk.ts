import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where the server under test keeps everything. */
export interface Disk {
  readonly path: string;
  /** Takes every byte that is free. Undefined where the disk is not our own. */
  readonly fill: (() => Promise<void>) | undefined;
  free(): Promise<void>;
  /**
   * From now on nothing more reaches the disk, and what was not synced is lost. Undefined where
   * that cannot be had.
   */
  readonly cutPower: (() => void) | undefined;
  /** As after a power cut: unmounts and mounts again. No process may use it. */
  remount(): void;
  remove(): void;
}

const sizeMib = 256;

/**
 * An ext4 file system of its own where we may mount one, otherwise a folder, on which the disk
 * neither fills up nor loses its power.
 */
export function openDisk(): Disk {
  const home = mkdtempSync(join(tmpdir(), 'stowage-chaos-'));
  return openExt4(home) ?? openFolder(home);
}

function openFolder(home: string): Disk {
  const path = join(home, 'data');
  mkdirSync(path);
  return {
    path,
    fill: undefined,
    free: async () => undefined,
    cutPower: undefined,
    remount: () => undefined,
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

function openExt4(home: string): Disk | undefined {
  const [path, image] = [join(home, 'disk'), join(home, 'image')];
  mkdirSync(path);
  const mount = (): void => run('mount', '-o', 'loop', image, path);
  try {
    writeFileSync(image, '');
    truncateSync(image, sizeMib << 20);
    // Without space that only root may use: the server may be root.
    run('mkfs.ext4', '-q', '-m', '0', '-F', image);
    mount();
  } catch {
    return undefined;
  }
  const ballast = join(path, 'ballast');
  return {
    path,
    fill: () => fill(path, ballast),
    free: () => rm(ballast, { force: true }),
    cutPower: canCutPower() ? () => shutDown(path) : undefined,
    remount() {
      run('umount', path);
      mount();
    },
    remove() {
      run('umount', '-l', path);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, {
    stdio: 'ignore',
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  });
}

/** What is left for the last blocks is less than the server keeps in reserve: that is its own. */
const lastBlocks = 64;

/**
 * At one stroke: while one writes, the server gives its reserve away, and that would be taken as
 * well.
 */
async function fill(path: string, ballast: string): Promise<void> {
  const { bsize } = await statfs(path);
  await takeNearlyAll(path, ballast);
  const file = await open(ballast, 'a');
  try {
    for (let block = 0; block < lastBlocks; block++) {
      await file.write(Buffer.alloc(bsize));
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') {
      throw error;
    }
  } finally {
    await file.close();
  }
}

async function takeNearlyAll(path: string, ballast: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    const { bavail, bsize } = await statfs(path);
    try {
      return run('fallocate', '-l', String(Math.max(1, bavail - lastBlocks / 2) * bsize), ballast);
    } catch (error) {
      // Clients took some of it meanwhile.
      if (tries === 10) {
        throw error;
      }
      await rm(ballast, { force: true });
    }
  }
}

function canCutPower(): boolean {
  try {
    run('python3', '-c', 'import fcntl');
    return existsSync('/proc/self');
  } catch {
    return false;
  }
}

/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: Node has no ioctl. */
function shutDown(path: string): void {
  const script =
    'import fcntl, os, struct, sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack("I", 2))';
  run('python3', '-c', script, path);
}
