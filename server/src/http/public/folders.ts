import type { HttpDeps } from '../deps.ts';

/**
 * A folder as pages write it: slashes anywhere, `/` for everything. Names are compared, not
 * cleaned: imported ones may be of any kind.
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

/**
 * What `/random` takes files from: the configuration's folders when it opens any, otherwise those
 * of the settings over HTTP.
 */
export async function randomFolders({ settings, runtimeSettings }: HttpDeps): Promise<OpenFolders> {
  if (settings.randomImage.enabled) {
    return settings.randomImage;
  }
  const { enabled, allowedDir } = (await runtimeSettings.get('others')).randomImageAPI;
  // Upload API 4.7: an empty item means everything.
  return { enabled, folders: allowedDir.split(',').map((folder) => folder.trim() || '/') };
}

/** What everyone may list, likewise. */
export async function publicFolders({ settings, runtimeSettings }: HttpDeps): Promise<OpenFolders> {
  if (settings.publicBrowse.enabled) {
    return settings.publicBrowse;
  }
  const { enabled, allowedDir } = (await runtimeSettings.get('others')).publicBrowse;
  const folders = allowedDir.split(',').map((folder) => folder.trim());
  return { enabled, folders: folders.filter((folder) => folder !== '') };
}
