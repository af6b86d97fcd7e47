import type { Category, FilePosition, FileRecord, ListType } from './metadata.ts';

/**
 * What people see of a large library, and how they put it in order. All text filters ignore case.
 */
export interface LibraryStore {
  /** A page of the files that match, in the order of the query. */
  page(query: LibraryQuery): Promise<readonly FileRecord[]>;
  /** Counts of what matches in a folder and below. Without a filter they are kept, not counted. */
  summary(filter: FileFilter): Promise<FolderSummary>;
  /** The new record; undefined when there is no such file. */
  update(id: string, patch: FilePatch): Promise<FileRecord | undefined>;
  /**
   * Gives the file another path, and keeps its former one for it. Returns the new record; undefined
   * when there is no such file. The same path is no change. Throws `conflict`, without a change,
   * when another file has that path or had it.
   */
  move(id: string, to: NewPath): Promise<FileRecord | undefined>;
  /** Where the file is now that was moved away from this path. */
  movedTo(path: string): Promise<string | undefined>;
  /** Tags that begin with a text, in order. */
  tags(query: { readonly prefix: string; readonly limit: number }): Promise<readonly string[]>;
  statistics(query: StatisticsQuery): Promise<LibraryStatistics>;
}

/** An absent or empty list filters nothing. */
export interface FileFilter {
  /** `''` is the root. */
  readonly folder: string;
  /** A part of the name or the path. */
  readonly text?: string | undefined;
  /** Only files with all of them. */
  readonly includeTags?: readonly string[] | undefined;
  readonly excludeTags?: readonly string[] | undefined;
  readonly channelIds?: readonly string[] | undefined;
  readonly listTypes?: readonly ListType[] | undefined;
  /** Whether everyone may read the file: `isBlocked` of `core/library/visibility.ts`. */
  readonly isBlocked?: boolean | undefined;
  readonly labels?: readonly string[] | undefined;
  readonly categories?: readonly Category[] | undefined;
}

export interface LibraryQuery {
  readonly filter: FileFilter;
  /** Whether files of sub-folders are listed as well. */
  readonly isRecursive: boolean;
  readonly sortBy: 'time' | 'name' | 'size';
  readonly direction: 'asc' | 'desc';
  readonly limit: number;
  readonly offset: number;
  /** Only files behind this position, by time; `offset` is then ignored. */
  readonly after?: FilePosition | undefined;
}

export interface FolderSummary {
  /** In the folder and everywhere below. */
  readonly totalCount: number;
  readonly directFileCount: number;
  /** Whole paths of the folders directly below that hold such files, in order. */
  readonly folders: readonly string[];
}

export interface FilePatch {
  /** Makes the new tags of the present ones. Pure: it may run twice. */
  readonly tags?: ((tags: readonly string[]) => readonly string[]) | undefined;
  readonly listType?: ListType | undefined;
  readonly filename?: string | undefined;
  readonly contentType?: string | undefined;
  readonly at: number;
}

export interface NewPath {
  readonly path: string;
  /** The new name for display. Absent: it keeps its own. */
  readonly filename?: string | undefined;
  readonly at: number;
}

export interface StatisticsQuery {
  /** Milliseconds since the epoch. Whole hours count. */
  readonly from: number;
  readonly to: number;
  /** Added to the time of a file to find its day. */
  readonly shiftMinutes: number;
  /** How many of the largest folders are named. */
  readonly maxFolders: number;
}

export interface LibraryStatistics {
  readonly ofChannel: ReadonlyMap<string, number>;
  readonly ofListType: Readonly<Record<ListType, number>>;
  readonly ofFolder: ReadonlyMap<string, number>;
  /** Files that came in, by shifted day since the epoch. */
  readonly days: readonly {
    readonly day: number;
    readonly channelId: string;
    readonly files: number;
  }[];
}
