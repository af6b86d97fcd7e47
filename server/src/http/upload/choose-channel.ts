import { fail } from '../../core/errors.ts';
import type { Choice, ConfiguredChannel } from '../../core/storage/channel-pool.ts';
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

/**
 * For a placement that is known in full only at the end of the form. What came behind the file is
 * too late to be obeyed, and is refused where the caller would get something else than was asked
 * for: another channel with `autoRetry=false`, another picture with `serverCompress=false`.
 */
export function refuseLatePlacement(
  placement: Placement,
  fields: Fields,
  stored: readonly StoredBytes[],
): void {
  refuseExternal(placement, fields);
  const isElsewhere =
    !placement.autoRetry && stored.some(({ channel }) => !isAsked(placement, channel));
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
): boolean {
  // Upload API: `cfr2` means the local disk while there is no R2 channel.
  const isGroup =
    uploadChannel === undefined ||
    uploadChannel === group ||
    (uploadChannel === 'cfr2' && group === 'local');
  return isGroup && (channelName === undefined || channelName === name);
}
