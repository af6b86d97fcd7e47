import type { FileRecord } from './metadata.ts';

/** Folders by the counts that are kept of them. */
export interface FolderStore {
  /** Whole paths of the folders that hold files, in order. */
  paths(): Promise<readonly string[]>;
  /**
   * The folder of one of the files in a folder and below, all of which count the same, and how many
   * files it holds itself. `at` is from 0 to below 1. Undefined when there are no files.
   */
  weighted(folder: string, at: number): Promise<FolderCount | undefined>;
  /** The file at a place of its folder, newest first; undefined behind the last one. */
  fileAt(folder: string, place: number): Promise<FileRecord | undefined>;
}

export interface FolderCount {
  readonly path: string;
  readonly files: number;
}
