import { fail } from '../../core/errors.ts';
import type { ChannelPool, Choice, ConfiguredChannel } from '../../core/storage/channel-pool.ts';
import type { StoredBytes } from '../../core/uploads/basic-upload.ts';
import type { Fields } from '../body/urlencoded-form.ts';
import { failed } from '../failure.ts';
import type { Placement } from './query.ts';

/** What the caller asks for; `autoRetry=false` means there or nowhere. */
export function choiceOf({ uploadChannel, channelName, autoRetry }: Placement): Choice {
  return { group: uploadChannel, name: channelName, fallback: autoRetry, exact: !autoRetry };
}

export const externalLink = {
  code: 'bad_request',
  as: 'external',
  message: 'External links are not stored here: send the file itself, or its url to the Media API',
} as const;

export interface LatePlacement {
  /** By the whole form. */
  readonly placement: Placement;
  readonly fields: Fields;
  readonly stored: readonly StoredBytes[];
  readonly pool: Pick<ChannelPool, 'all' | 'group'>;
}

/**
 * For a placement that is known in full only at the end of the form. A field behind the file comes
 * too late to be obeyed. It is refused where the caller would get something else than was asked
 * for: another channel with `autoRetry=false`, another picture with `serverCompress=false`.
 */
export function refuseLatePlacement({ placement, fields, stored, pool }: LatePlacement): void {
  refuseExternal(placement, fields);
  const isElsewhere =
    !placement.autoRetry && stored.some(({ channel }) => !isAsked(placement, channel, pool));
  const isOther =
    !placement.serverCompress && stored.some(({ recompressed }) => recompressed !== undefined);
  if (!isElsewhere && !isOther) {
    return;
  }
  throw fail('bad_request', {
    message:
      'uploadChannel, channelName, autoRetry and serverCompress must stand before the file in the form',
  });
}

/**
 * Upload API 1.5: `external` is a link to a file elsewhere, of which we hold no bytes and promise
 * nothing. It never falls back to another channel.
 */
function refuseExternal({ uploadChannel }: Placement, { url }: Fields): void {
  if (uploadChannel !== 'external') {
    return;
  }
  if (!url) {
    throw fail('bad_request', { message: 'No url provided' });
  }
  throw failed(externalLink);
}

function isAsked(
  { uploadChannel, channelName }: Placement,
  { group, name }: ConfiguredChannel,
  pool: LatePlacement['pool'],
): boolean {
  const isGroup =
    uploadChannel === undefined ||
    uploadChannel === group ||
    (pool.group(group)?.standsInFor === uploadChannel &&
      pool.all().every((channel) => channel.group !== uploadChannel));
  return isGroup && (channelName === undefined || channelName === name);
}
