import type { FileFilter, LibraryQuery } from '../../../core/library-store.ts';
import type { Category, FilePosition, ListType } from '../../../core/metadata.ts';
import { decodeOnce } from '../../../core/naming/path-text.ts';
import { own } from '../../../core/own.ts';
import type { ChannelPool, ConfiguredChannel } from '../../../core/storage/channel-pool.ts';
import type { Fields } from '../../body/urlencoded-form.ts';

export interface ListQuery {
  readonly filter: FileFilter;
  readonly isRecursive: boolean;
  readonly sortBy: LibraryQuery['sortBy'];
  readonly direction: LibraryQuery['direction'];
  readonly start: number;
  /** Infinity: all. */
  readonly count: number;
  readonly after: FilePosition | undefined;
  readonly isSum: boolean;
}

const defaultCount = 50;
const categoriesOf: Readonly<Record<string, readonly Category[]>> = {
  image: ['image'],
  video: ['video'],
  audio: ['audio'],
  other: ['document', 'other'],
};
const labelsOf: Readonly<Record<string, readonly string[]>> = {
  normal: ['None', '', 'everyone'],
  teen: ['teen'],
  adult: ['adult'],
};
const listTypes: readonly ListType[] = ['White', 'Block', 'None'];

/** Upload API 4.3. */
export function readListQuery(query: Fields, pool: Pick<ChannelPool, 'all'>): ListQuery {
  const count = countOf(query.count);
  return {
    filter: {
      folder: folderOf(query.dir ?? ''),
      text: decodeOnce(query.search ?? ''),
      includeTags: items(query.includeTags),
      excludeTags: items(query.excludeTags),
      channelIds: channelIdsOf(query, pool.all()),
      listTypes: listTypes.filter((type) => items(query.listType).includes(type)),
      isBlocked: isBlockedOf(items(query.accessStatus)),
      labels: items(query.label).flatMap((label) => own(labelsOf, label.toLowerCase()) ?? []),
      categories: items(query.fileType).flatMap(
        (type) => own(categoriesOf, type.toLowerCase()) ?? [],
      ),
    },
    isRecursive: query.recursive === 'true',
    sortBy: query.sortBy === 'name' || query.sortBy === 'size' ? query.sortBy : 'time',
    direction: query.sortOrder === 'asc' ? 'asc' : 'desc',
    start: Math.max(0, Number.parseInt(query.start ?? '', 10) || 0),
    count,
    after: positionOf(query.cursor),
    isSum: query.sum === 'true' && count === Number.POSITIVE_INFINITY,
  };
}

export function cursorOf({ createdAt, id }: FilePosition): string {
  return `${createdAt}_${id}`;
}

function positionOf(cursor: string | undefined): FilePosition | undefined {
  const found = /^(\d{1,15})_([\w-]{1,64})$/.exec(cursor ?? '');
  return found === null ? undefined : { createdAt: Number(found[1]), id: found[2] ?? '' };
}

function countOf(text = ''): number {
  const count = Number.parseInt(text, 10) || defaultCount;
  return count === -1 ? Number.POSITIVE_INFINITY : Math.max(1, Math.min(count, 1_000_000_000));
}

/** As a folder of the library is written: `a/b`. */
function folderOf(dir: string): string {
  return dir
    .normalize('NFC')
    .replaceAll('..', '_')
    .replaceAll('\\', '/')
    .split('/')
    .filter((segment) => segment !== '')
    .join('/')
    .replaceAll('\0', '')
    .toWellFormed();
}

function items(list = ''): readonly string[] {
  return list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Both or none filter nothing. */
function isBlockedOf(statuses: readonly string[]): boolean | undefined {
  const [normal, blocked] = ['normal', 'blocked'].map((status) => statuses.includes(status));
  return normal === blocked ? undefined : blocked;
}

/** A filter that no channel passes finds nothing, rather than everything. */
function channelIdsOf(
  query: Fields,
  channels: readonly ConfiguredChannel[],
): readonly string[] | undefined {
  const types = items(query.channel).map((type) => type.toLowerCase());
  const names = items(query.channelName);
  if (types.length === 0 && names.length === 0) {
    return undefined;
  }
  const isType = ({ label }: ConfiguredChannel) =>
    types.length === 0 || types.includes(label.toLowerCase());
  const isName = ({ label, name }: ConfiguredChannel) =>
    names.length === 0 || names.includes(name) || names.includes(`${label}:${name}`);
  const ids = channels.filter((each) => isType(each) && isName(each)).map(({ id }) => id);
  return ids.length === 0 ? ['none'] : ids;
}
