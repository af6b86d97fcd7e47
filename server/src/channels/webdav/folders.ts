import type { DavApi } from './api.ts';
import { type Once, once } from './once.ts';

/** Makes the folders above a file, each of them once per process. */
export interface Folders {
  /** `path` is the file's. */
  ensureAbove(path: string, signal: AbortSignal): Promise<void>;
  /** Forgets which folders exist: they may have been removed without our doing. */
  forget(): void;
}

const timeoutMs = 30_000;
const mostRemembered = 50_000;

export function createFolders(api: DavApi): Folders {
  const known = new Map<string, Once<void>>();

  function ensure(folder: string, signal: AbortSignal): Promise<void> {
    let made = known.get(folder);
    if (made === undefined) {
      if (known.size >= mostRemembered) {
        known.clear();
      }
      made = once(timeoutMs, (own) => make(folder, own));
      known.set(folder, made);
    }
    return made(signal);
  }

  async function make(folder: string, signal: AbortSignal): Promise<void> {
    if (folder !== '') {
      await ensure(parentOf(folder), signal);
    }
    try {
      await api.makeFolder(folder, signal);
    } catch (error) {
      // A folder that exists: 405 by RFC 4918, 201 by rclone, 403, 409 or 500 elsewhere. The base
      // folder may be out of our reach although everything below works: what is wrong shows at the
      // next request.
      if (folder !== '' && !(await mayExist(folder, signal))) {
        throw error;
      }
    }
  }

  async function mayExist(folder: string, signal: AbortSignal): Promise<boolean> {
    const response = await api.describe(folder, signal);
    await response.discard();
    // 405, 501: no PROPFIND here.
    return [207, 405, 501].includes(response.status);
  }

  return {
    ensureAbove: (path, signal) => ensure(parentOf(path), signal),
    forget: () => known.clear(),
  };
}

/** `a/b/` for `a/b/c` and `a/b/c/`, the base folder (`''`) for `a`. */
function parentOf(path: string): string {
  return path.slice(0, path.replace(/\/$/, '').lastIndexOf('/') + 1);
}
