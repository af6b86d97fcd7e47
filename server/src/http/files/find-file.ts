import type { Files } from '../../core/files.ts';
import type { StoredFile } from '../../core/metadata.ts';

/** Upload API 4.2: a comma may stand for a slash; a name that really holds one comes first. */
export async function findFile(path: string, files: Pick<Files, 'getByPath'>): Promise<StoredFile | undefined> {
  const found = await files.getByPath(path);
  return found ?? (path.includes(',') ? files.getByPath(path.replaceAll(',', '/')) : undefined);
}
