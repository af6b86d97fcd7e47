import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir, open, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A disk of its own that is full soon. */
export interface SmallDisk {
  readonly path: string;
  /** Takes all that is free. */
  fill(): Promise<void>;
  /** Takes all inodes that are free, but leaves the space. */
  fillInodes(): Promise<void>;
  free(): Promise<void>;
  remove(): void;
}

/** Needs the right to mount: undefined without. */
export function smallDisk(
  sizeMib: number,
  kind: 'tmpfs' | 'ext4' = 'tmpfs',
): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), 'stowage-disk-'));
  const image = `${path}.image`;
  try {
    if (kind === 'ext4') {
      mountExt4(path, image, sizeMib);
    } else {
      mount('-t', 'tmpfs', '-o', `size=${sizeMib}m,mode=0700`, 'tmpfs', path);
    }
  } catch {
    rmdirSync(path);
    rmSync(image, { force: true });
    return undefined;
  }
  const ballast = join(path, 'ballast');
  const names = join(path, 'names');
  return {
    path,
    async fillInodes() {
      await mkdir(names);
      for (let name = 0; ; name++) {
        const error = await writeFile(join(names, String(name)), '').catch(
          (thrown: NodeJS.ErrnoException) => thrown,
        );
        if (error?.code === 'ENOSPC') {
          return;
        }
        if (error) {
          throw error;
        }
      }
    },
    async fill() {
      for (let round = 0; round < 20; round++) {
        await append(ballast);
        // What a file system set aside for its own tables comes free once the bytes are on the
        // disk.
        if ((await statfs(path)).bavail <= 1) {
          return;
        }
      }
      throw new Error('The disk does not become full.');
    },
    async free() {
      for (const taken of [ballast, names]) {
        await rm(taken, { recursive: true, force: true });
      }
    },
    remove() {
      execFileSync('umount', ['-l', path]);
      rmdirSync(path);
      rmSync(image, { force: true });
    },
  };
}

/** Until no byte fits any more. */
async function append(path: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    for (const size of [65_536, 4096, 512]) {
      const zeros = Buffer.alloc(size);
      while (await file.write(zeros).catch(refusesFull)) {}
    }
    await file.sync().catch(refusesFull);
  } finally {
    await file.close();
  }
}

function refusesFull(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOSPC') {
    throw error;
  }
}

const mount = (...args: readonly string[]): Buffer =>
  execFileSync('mount', args, { stdio: 'ignore' }) as Buffer;

/** A file system as servers have it, with few inodes. */
function mountExt4(path: string, image: string, sizeMib: number): void {
  writeFileSync(image, '');
  truncateSync(image, sizeMib * 2 ** 20);
  execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', '-N', '2000', image], { stdio: 'ignore' });
  mount('-o', 'loop', image, path);
}
