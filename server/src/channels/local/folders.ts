import { closeSync, constants, fsync, lstatSync, mkdirSync, open, openSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../core/errors.ts';
import { errnoOf, io, ioSync } from './io.ts';

/**
 * The folders that objects are published in: `2026-11-22/14-0` is the first one of that hour (UTC).
 * All uploads of a moment share one, so that they share its fsync too.
 */
export interface Folders {
  /** The folder to publish in now; `release` it once `sync` has been waited for. */
  take(): Folder;
  close(): void;
}

export interface Folder {
  /** Below the objects folder. */
  readonly path: string;
  /** Resolves when every name that was there at the time of the call survives power loss. */
  sync(): Promise<void>;
  release(): void;
}

const maxNames = 4096;
const hourMs = 3_600_000;

export function createFolders(objects: string, now: () => number = Date.now): Folders {
  let current: OpenFolder | undefined;
  let currentHour = 0;
  return {
    take: () => {
      const hour = Math.floor(now() / hourMs);
      if (
        current === undefined ||
        current.failed ||
        hour !== currentHour ||
        current.names >= maxNames
      ) {
        current?.retire();
        current = undefined;
        current = createFolder(objects, new Date(hour * hourMs).toISOString());
        currentHour = hour;
      }
      return current.take();
    },
    close: () => {
      current?.retire();
      current = undefined;
    },
  };
}

interface OpenFolder {
  readonly names: number;
  readonly failed: boolean;
  take(): Folder;
  /** No new names; the descriptor is closed with the last release. */
  retire(): void;
}

/** Makes a folder that no other process writes to. Synchronous: once an hour or 4,096 files. */
function createFolder(objects: string, time: string): OpenFolder {
  const day = time.slice(0, 10);
  ioSync(() => mkdirSync(join(objects, day), { recursive: true, mode: 0o700 }));
  if (!ioSync(() => lstatSync(join(objects, day))).isDirectory()) {
    throw fail('service_unavailable', {
      message: 'A folder of the local channel has been replaced by a link.',
    });
  }
  const path = firstFree(objects, `${day}/${time.slice(11, 13)}`);
  const fd = ioSync(() =>
    openSync(
      join(objects, path),
      constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
    ),
  );
  const state = { names: 0, users: 0, retired: false, failed: false };
  const parents = Promise.all([syncFolder(join(objects, day)), syncFolder(objects)]).catch(
    (error: unknown) => {
      state.failed = true;
      throw error;
    },
  );
  parents.catch(() => {});
  const syncNames = shared(() => io((done) => fsync(fd, done)));
  const closeIfDone = () => {
    if (state.retired && state.users === 0) {
      closeSync(fd);
    }
  };
  const folder: Folder = {
    path,
    sync: async () => {
      await Promise.all([syncNames(), parents]);
    },
    release: () => {
      state.users--;
      closeIfDone();
    },
  };
  return {
    get names() {
      return state.names;
    },
    get failed() {
      return state.failed;
    },
    take: () => {
      state.names++;
      state.users++;
      return folder;
    },
    retire: () => {
      state.retired = true;
      closeIfDone();
    },
  };
}

function firstFree(objects: string, prefix: string): string {
  for (let number = 0; ; number++) {
    try {
      ioSync(() => mkdirSync(join(objects, `${prefix}-${number}`), { mode: 0o700 }));
      return `${prefix}-${number}`;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') {
        throw error;
      }
    }
  }
}

/** Makes the names in a folder survive power loss. */
export async function syncFolder(path: string): Promise<void> {
  const fd = await io<number>((done) =>
    open(path, constants.O_RDONLY | constants.O_DIRECTORY, done),
  );
  try {
    await io((done) => fsync(fd, done));
  } finally {
    closeSync(fd);
  }
}

/**
 * Lets callers share runs of `work`: everybody gets a run that began after their call, at most one
 * is under way.
 */
export function shared(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const start = () => {
    next = undefined;
    running = work().finally(() => {
      running = undefined;
    });
    return running;
  };
  return () => {
    if (next === undefined && running === undefined) {
      return start();
    }
    next ??= (running ?? Promise.resolve()).then(start, start);
    return next;
  };
}
