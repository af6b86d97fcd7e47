import { lstat, readdir, type Stats } from 'node:fs';
import { join } from 'node:path';
import type { ListedObject } from '../../core/channel.ts';
import { errnoOf, io } from './io.ts';
import { pathOf } from './names.ts';

/**
 * Objects below the folder that have no mark any more (a second name, see `marks.ts`). Reads a
 * folder of at most 4,096 names at a time.
 */
export async function* listObjects(objects: string): AsyncGenerator<ListedObject> {
  for (const day of await namesIn(objects)) {
    for (const hour of await namesIn(join(objects, day))) {
      for (const name of await namesIn(join(objects, day, hour))) {
        const path = `${day}/${hour}/${name}`;
        const stat = pathOf({ path }) === undefined ? undefined : await statOf(join(objects, path));
        if (stat?.isFile() && stat.nlink === 1) {
          yield { ref: { path }, size: stat.size, storedAt: stat.mtimeMs };
        }
      }
    }
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return io<string[]>((done) => readdir(folder, done)).catch(unlessGone<readonly string[]>([]));
}

async function statOf(path: string): Promise<Stats | undefined> {
  return io<Stats>((done) => lstat(path, done)).catch(unlessGone<Stats | undefined>(undefined));
}

/** What was deleted meanwhile, and files among the folders, are nothing. */
function unlessGone<T>(nothing: T): (error: unknown) => T {
  return (error) => {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) {
      return nothing;
    }
    throw error;
  };
}
