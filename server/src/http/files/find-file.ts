import type { IncomingMessage } from 'node:http';
import type { Files } from '../../core/library/files.ts';
import type { StoredFile } from '../../core/metadata.ts';
import { asPath, pathFromUrl } from '../../core/naming/file-id.ts';
import { decodeOnce, trimSlashes } from '../../core/naming/path-text.ts';
import { requestOrigin } from '../address/request-origin.ts';
import type { HttpSettings } from '../deps.ts';

type Lookup = Pick<Files, 'getByPath'>;

/**
 * The file that `text` names: a library path in any Unicode form, percent-encoded or not. Upload
 * API 4.2: a comma may stand for a slash. The literal spelling takes precedence.
 */
export function findFile(text: string, files: Lookup): Promise<StoredFile | undefined> {
  return firstOf(spellings(text), files);
}

/**
 * Where links of this server begin: before `/file/`, under every origin that callers use for this
 * server, and before a bare path.
 */
export interface LinkRoots {
  readonly origins: readonly string[];
  readonly urlPrefix?: string | undefined;
}

export function linkRoots(request: IncomingMessage, settings: HttpSettings): LinkRoots {
  const { host = '' } = request.headers;
  return {
    origins: [requestOrigin(request, settings), `http://${host}`, `https://${host}`],
    urlPrefix: settings.urlPrefix,
  };
}

/**
 * The same, also by a link as uploads return it: `/file/...`, the absolute link, or `publicUrl`.
 */
export function findLinked(
  text: string,
  roots: LinkRoots,
  files: Lookup,
): Promise<StoredFile | undefined> {
  const linked = pathOfLink(text, roots);
  const bare = trimSlashes(text);
  // With a leading slash it is a link before it is a path. Without one it may be a folder called
  // `file`.
  const paths = [...(linked === undefined ? [] : spellings(linked)), ...spellings(bare)];
  if (bare.startsWith('file/')) {
    paths.push(...spellings(bare.slice('file/'.length)));
  }
  return firstOf(paths, files);
}

function spellings(text: string): readonly string[] {
  const decoded = decodeOnce(text);
  const written = decoded === text ? [text] : [text, decoded];
  return written.flatMap((path) =>
    path.includes(',') ? [path, path.replaceAll(',', '/')] : [path],
  );
}

async function firstOf(texts: readonly string[], files: Lookup): Promise<StoredFile | undefined> {
  for (const text of new Set(texts)) {
    const path = asPath(text);
    const found = path === undefined ? undefined : await files.getByPath(path);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

/**
 * The text behind `/file/` or `urlPrefix` in an address of this server. Undefined for all others,
 * including foreign addresses.
 */
function pathOfLink(text: string, { origins, urlPrefix }: LinkRoots): string | undefined {
  if (/^https?:\/\//i.test(text)) {
    return pathBelow(text, [
      ...origins.map((origin) => `${origin}/file/`),
      ...(urlPrefix === undefined ? [] : [`${urlPrefix}/`]),
    ]);
  }
  const here = 'http://here/';
  return text.startsWith('/') ? pathBelow(text.replace(/^\/+/, here), [`${here}file/`]) : undefined;
}

function pathBelow(address: string, roots: readonly string[]): string | undefined {
  const href = URL.parse(address)?.href.replace(/[?#].*$/s, '');
  const starts = roots.map((root) => URL.parse(root.replace(/\/+$/, '/'))?.href);
  const start = starts.find((each) => each !== undefined && href?.startsWith(each));
  return start === undefined ? undefined : pathFromUrl(href?.slice(start.length) ?? '');
}
