import type { Category, FilePosition, FileRecord, MetadataStore } from '../metadata.ts';
import { isBlocked } from './visibility.ts';

export interface RandomQuery {
  /** Files in this folder and below; `''` is everything. */
  readonly folder: string;
  /** The type of a file contains one of these texts. */
  readonly types: readonly string[];
  readonly orientation?: Orientation | undefined;
}

export type Orientation = 'landscape' | 'portrait' | 'square';

type Deps = Pick<MetadataStore, 'folders' | 'library'>;

/** Most files are of the wanted kind, or so few that a look at the newest ones finds them. */
const draws = 40;
const pageSize = 1000;
const maxPages = 10;

/**
 * A file of which everyone may see the bytes, each of those that match with the same chance.
 * Undefined when there is none. Where hardly any matches, only the newest 10,000 of the categories
 * that are asked for count.
 */
export async function randomFile(
  query: RandomQuery,
  deps: Deps,
  random = Math.random,
): Promise<FileRecord | undefined> {
  for (let drawn = 0; drawn < draws; drawn++) {
    const folder = await deps.folders.weighted(query.folder, random());
    if (folder === undefined) {
      return undefined;
    }
    const place = Math.floor(random() * folder.files);
    const file = await deps.folders.fileAt(folder.path, place);
    if (file !== undefined && isWanted(file, query)) {
      return file;
    }
  }
  return amongNewest(query, deps, random);
}

/** Every match replaces the one before it with a chance that makes all equal in the end. */
async function amongNewest(
  query: RandomQuery,
  { library }: Deps,
  random: () => number,
): Promise<FileRecord | undefined> {
  const filter = { folder: query.folder, categories: categoriesOf(query), isBlocked: false };
  let chosen: FileRecord | undefined;
  let after: FilePosition | undefined;
  for (let page = 0, matches = 0; page < maxPages; page++) {
    const files = await library.page({
      filter,
      isRecursive: true,
      sortBy: 'time',
      direction: 'desc',
      limit: pageSize,
      offset: 0,
      after,
    });
    for (const file of files.filter((each) => isWanted(each, query))) {
      matches++;
      chosen = random() * matches < 1 ? file : chosen;
    }
    after = files.at(-1);
    if (files.length < pageSize) {
      break;
    }
  }
  return chosen;
}

function isWanted(file: FileRecord, { types, orientation }: RandomQuery): boolean {
  return (
    !isBlocked(file) &&
    types.some((type) => file.contentType.includes(type)) &&
    (orientation === undefined || orientationOf(file) === orientation)
  );
}

/** Undefined when the size is not known. */
function orientationOf({ width, height }: FileRecord): Orientation | undefined {
  return width === null || height === null || height === 0
    ? undefined
    : orientationOfRatio(width / height);
}

/** Upload API 4.7. */
export function orientationOfRatio(ratio: number): Orientation {
  return ratio > 1.1 ? 'landscape' : ratio < 0.9 ? 'portrait' : 'square';
}

/** Undefined when the texts tell nothing of the category. */
function categoriesOf({ types }: RandomQuery): readonly Category[] | undefined {
  const found = types.map((type) =>
    (['image', 'video', 'audio'] as const).find((category) => type.startsWith(category)),
  );
  return found.includes(undefined) ? undefined : found.filter((one) => one !== undefined);
}
