import { fail } from '../../core/errors.ts';
import type { Choice, ConfiguredChannel } from '../../core/storage/channel-pool.ts';
import type { IntakeResult } from '../../core/storage/intake.ts';
import type { Fields } from '../body/urlencoded-form.ts';
import { failed } from '../failure.ts';
import type { UploadOptions } from './query.ts';

/** What the caller asks for; `autoRetry=false` means there or nowhere. */
export function choiceOf({ uploadChannel, channelName, autoRetry }: UploadOptions): Choice {
  return { group: uploadChannel, name: channelName, fallback: autoRetry, exact: !autoRetry };
}

export const externalLink = {
  code: 'bad_request',
  as: 'external',
  message: 'External links are not stored here: send the file itself, or its url to the Media API',
} as const;

/**
 * Upload API 1.5: `external` is a link to a file elsewhere, of which we hold no bytes and promise
 * nothing. It never falls back to another channel.
 */
export function refuseExternal({ uploadChannel }: UploadOptions, { url }: Fields): void {
  if (uploadChannel !== 'external') {
    return;
  }
  if (!url) {
    throw fail('bad_request', { message: 'No url provided' });
  }
  throw failed(externalLink);
}

/**
 * Choices that came behind the file are too late to be obeyed. They are refused where the caller
 * would get something else than was asked for: another channel with `autoRetry=false`, another
 * picture with `serverCompress=false`.
 */
export function refuseLateChoice(options: UploadOptions, stored: readonly StoredAs[]): void {
  const isElsewhere =
    !options.autoRetry && stored.some(({ channel }) => !isAsked(options, channel));
  const isOther =
    !options.serverCompress && stored.some(({ recompressed }) => recompressed !== undefined);
  if (!isElsewhere && !isOther) {
    return;
  }
  throw fail('bad_request', {
    message:
      'uploadChannel, channelName, autoRetry and serverCompress must stand before the file in the form',
  });
}

type StoredAs = Pick<IntakeResult, 'channel' | 'recompressed'>;

function isAsked(
  { uploadChannel, channelName }: UploadOptions,
  { group, name }: ConfiguredChannel,
): boolean {
  // Upload API: `cfr2` means the local disk while there is no R2 channel.
  const isGroup =
    uploadChannel === undefined ||
    uploadChannel === group ||
    (uploadChannel === 'cfr2' && group === 'local');
  return isGroup && (channelName === undefined || channelName === name);
}
