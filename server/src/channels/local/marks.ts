import { createHash, randomBytes } from 'node:crypto';
import {
  lstat,
  lstatSync,
  mkdirSync,
  readdir,
  readFileSync,
  readlinkSync,
  rmdirSync,
  type Stats,
  unlink,
  unlinkSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Ref } from '../../core/channel.ts';
import { orphanAfterMs } from '../../core/clock.ts';
import { isStowageError } from '../../core/errors.ts';
import { errnoOf, io, ioSync, unlessMissing } from './io.ts';
import { markOf, unmark } from './names.ts';
import type { QuickDisk } from './quick-disk.ts';

/**
 * The second names of objects that are being written or not confirmed yet, in `tmp/<owner>/`. One
 * owner folder per process and channel tells the leftovers of a crash apart from the work of
 * another live process on the same root.
 */
export interface Marks {
  /**
   * Path of the mark for an object about to be written; it is not swept until `landed`. Throws
   * `disk_full` when there is no room for it.
   */
  begin(objectPath: string): string;
  landed(objectPath: string): void;
  /** Removes the mark of a confirmed or deleted object, whichever process left it. */
  remove(objectPath: string): Promise<void>;
  /**
   * What this channel and dead processes left published but unconfirmed; removes unpublished
   * leftovers on the way.
   */
  unsettled(): AsyncIterable<{ readonly ref: Ref; readonly key: string }>;
  close(): void;
}

export interface MarksOptions {
  readonly objects: string;
  readonly disk: QuickDisk;
  /** Whether processes that this machine cannot see may use the folder. */
  readonly isShared?: boolean;
}

export function createMarks(
  root: string,
  { objects, disk, isShared = false }: MarksOptions,
): Marks {
  const tmp = join(root, 'tmp');
  const home = processSpace();
  const owner = `${process.pid}-${startedAt(process.pid) ?? 'x'}-${randomBytes(4).toString('hex')}-${home}`;
  const own = join(tmp, owner);
  const underWay = new Set<string>();
  let isMade = false;
  /** At the first write: what only reads and deletes needs no space. */
  const make = () => {
    if (!isMade) {
      // Not recursive: the disk of the root may have been taken away.
      for (const folder of [tmp, own]) {
        makeOnce(folder);
      }
      isMade = true;
    }
  };

  // Where there is room; else at the first write, too.
  try {
    makeOnce(tmp);
  } catch (error) {
    if (!isStowageError(error, 'disk_full')) {
      throw error;
    }
  }

  const removeOwn = (mark: string): boolean | Promise<boolean> => {
    const path = `${own}/${mark}`;
    return disk.isQuick
      ? disk.time(() => unlinkQuick(path))
      : unlessMissing(io((done) => unlink(path, done)));
  };
  const others = async () => (await namesIn(tmp)).filter((name) => name !== owner);

  return {
    begin: (objectPath) => {
      make();
      const mark = markOf(objectPath);
      underWay.add(mark);
      return `${own}/${mark}`;
    },
    landed: (objectPath) => {
      underWay.delete(markOf(objectPath));
    },
    remove: async (objectPath) => {
      const mark = markOf(objectPath);
      if (await removeOwn(mark)) {
        return;
      }
      for (const other of await others()) {
        await unlessMissing(io((done) => unlink(join(tmp, other, mark), done)));
      }
    },
    unsettled: async function* () {
      yield* sweep({ folder: own, objects, isUnderWay: (mark) => underWay.has(mark) });
      for (const other of await others()) {
        const isElsewhere = isShared && other.split('-')[3] !== home;
        if (!isElsewhere && isAlive(other)) {
          continue;
        }
        const folder = join(tmp, other);
        yield* sweep({
          folder,
          objects,
          isUnderWay: (mark) => isElsewhere && isYoung(join(folder, mark)),
        });
        if (!isElsewhere) {
          removeIfEmpty(folder);
        }
      }
    },
    close: () => removeIfEmpty(own),
  };
}

interface Sweep {
  readonly folder: string;
  readonly objects: string;
  isUnderWay(mark: string): boolean;
}

function makeOnce(folder: string): void {
  try {
    ioSync(() => mkdirSync(folder, { mode: 0o700 }));
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') {
      throw error;
    }
  }
}

async function* sweep({
  folder,
  objects,
  isUnderWay,
}: Sweep): AsyncIterable<{ readonly ref: Ref; readonly key: string }> {
  for (const mark of await namesIn(folder)) {
    if (isUnderWay(mark)) {
      continue;
    }
    const named = unmark(mark);
    if (named !== undefined && (await isPublished(join(folder, mark), join(objects, named.path)))) {
      yield { ref: { path: named.path }, key: named.key };
    } else {
      await unlessMissing(io((done) => unlink(join(folder, mark), done)));
    }
  }
}

/** None in a folder that is not there (yet). */
async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await io<string[]>((done) => readdir(folder, done));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      return [];
    }
    throw error;
  }
}

async function isPublished(markPath: string, objectPath: string): Promise<boolean> {
  const [mark, object] = await Promise.all([inodeOf(markPath), inodeOf(objectPath)]);
  return mark !== undefined && mark === object;
}

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await io<Stats>((done) => lstat(path, done))).ino;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

function unlinkQuick(path: string): boolean {
  try {
    ioSync(() => unlinkSync(path));
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Not empty, or gone: the next start looks again.
  }
}

/**
 * For the marks of processes that cannot be asked whether they live. Gone meanwhile counts as
 * young: its owner is at work.
 */
function isYoung(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found === undefined || Date.now() - found.mtimeMs < orphanAfterMs;
}

/** Tells the processes that this one can see apart from those of other machines and containers. */
function processSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1');
    return createHash('sha256')
      .update(boot)
      .update(readlinkSync('/proc/self/ns/pid'))
      .digest('hex')
      .slice(0, 12);
  } catch {
    return createHash('sha256').update(hostname()).digest('hex').slice(0, 12);
  }
}

/**
 * Whether the process that an owner folder is named after still runs. A pid alone is not enough: it
 * is given again.
 */
function isAlive(owner: string): boolean {
  const [pid, started] = owner.split('-');
  if (started === 'x') {
    return answersSignals(Number(pid));
  }
  return started !== undefined && startedAt(Number(pid)) === started;
}

/**
 * Start of a process in clock ticks since boot; undefined when there is no such process, or no
 * /proc.
 */
function startedAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command, in brackets, may hold spaces and brackets itself; the start is the 20th field
    // behind it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}
