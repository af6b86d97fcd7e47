import type { LibraryStore } from '../library-store.ts';
import type { FileRecord } from '../metadata.ts';

const batch = 500;
const workers = 8;

/**
 * Works through all files of a folder and below, newest first, a few at once, each with a
 * transaction of its own, so that uploads come in between. Files that are added meanwhile may be
 * left out. Ends early when the caller stops asking; a repeated run finds what is left.
 */
export async function* eachInFolder<T>(
  library: Pick<LibraryStore, 'page'>,
  folder: string,
  work: (file: FileRecord) => Promise<T>,
): AsyncGenerator<T> {
  let after: FileRecord | undefined;
  do {
    const files = await library.page({
      filter: { folder },
      isRecursive: true,
      sortBy: 'time',
      direction: 'desc',
      limit: batch,
      offset: 0,
      after,
    });
    for (let at = 0; at < files.length; at += workers) {
      yield* await Promise.all(files.slice(at, at + workers).map(work));
    }
    after = files.length < batch ? undefined : files.at(-1);
  } while (after !== undefined);
}
