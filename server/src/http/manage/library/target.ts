import type { StoredFile } from '../../../core/metadata.ts';
import { asPath } from '../../../core/naming/file-id.ts';
import { decodeOnce, trimSlashes } from '../../../core/naming/path-text.ts';
import { findLinked, linkRoots } from '../../files/find-file.ts';
import type { Context } from '../../route.ts';

/** The rest of the request's path behind `prefix`, decoded once. */
export function targetText({ request }: Context, prefix: string): string {
  const [path = ''] = request.url.slice(prefix.length).split('?', 1);
  return decodeOnce(path.replace(/\/+$/, ''));
}

/** Upload API 4.2: the file that the rest of the path names, in any spelling. */
export function findTarget(context: Context, prefix: string): Promise<StoredFile | undefined> {
  return findNamed(context, targetText(context, prefix));
}

export function findNamed(
  { request, deps }: Context,
  text: string,
): Promise<StoredFile | undefined> {
  return findLinked(text, linkRoots(request.raw, deps.settings), deps.files);
}

/**
 * The folder that the rest of the path names. A comma may stand for a slash, unless there is a
 * folder with the comma. Undefined when the text can name none.
 */
export async function findFolder(context: Context, prefix: string): Promise<string | undefined> {
  const folder = asPath(trimSlashes(targetText(context, prefix)));
  if (folder === undefined || !folder.includes(',')) {
    return folder;
  }
  const { totalCount } = await context.deps.metadata.library.summary({ folder });
  return totalCount > 0 ? folder : asPath(folder.replaceAll(',', '/'));
}
