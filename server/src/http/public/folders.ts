/**
 * A folder as pages write it: slashes anywhere, `/` for everything. Names are compared, not cleaned:
 * imported ones may be of any kind.
 */
export function folderIn(text: string): string {
  return text
    .normalize('NFC')
    .replaceAll('\\', '/')
    .replaceAll('..', '_')
    .split('/')
    .filter((segment) => segment !== '')
    .join('/');
}

/** Whether the folder is one of the allowed ones or below one. */
export function isAllowed(folder: string, allowed: readonly string[]): boolean {
  return allowed
    .map(folderIn)
    .some((one) => one === '' || folder === one || folder.startsWith(`${one}/`));
}

/** What the owner opened to everyone. */
export interface OpenFolders {
  readonly enabled: boolean;
  readonly folders: readonly string[];
}
