import type { FileRecord } from './metadata.ts';

/** Addresses that files came from, and those that may send none. */
export interface AddressStore {
  /** With the numbers of their files, the most first. */
  uploaders(page: Page): Promise<readonly Uploader[]>;
  /** Files that came from an address, newest first, and how many there are in all. */
  filesFrom(
    address: string,
    page: Page,
  ): Promise<{ readonly items: readonly FileRecord[]; readonly total: number }>;
  /** An address that is blocked already stays so. */
  block(address: string, at: number): Promise<void>;
  /** Does nothing for an address that is not blocked. */
  unblock(address: string): Promise<void>;
  isBlocked(address: string): Promise<boolean>;
  /** Every blocked address, in order of time. */
  blocked(): Promise<readonly string[]>;
}

interface Page {
  readonly limit: number;
  readonly offset: number;
}

export interface Uploader {
  readonly address: string;
  readonly files: number;
}
