import type { Choice, ConfiguredChannel } from '../../core/channel-pool.ts';
import { fail } from '../../core/errors.ts';
import type { Fields } from '../urlencoded-form.ts';
import type { UploadOptions } from './query.ts';

/** What the caller asks for; `autoRetry=false` means there or nowhere. */
export function choiceOf({ uploadChannel, channelName, autoRetry }: UploadOptions): Choice {
  return { group: uploadChannel, name: channelName, fallback: autoRetry, exact: !autoRetry };
}

/** Upload API 1.5: `external` is a link to somebody else's file, of which we hold no bytes and promise nothing. It is never something else. */
export function refuseExternal({ uploadChannel }: UploadOptions, { url }: Fields): void {
  if (uploadChannel !== 'external') return;
  if (!url) throw fail('bad_request', { message: 'No url provided' });
  throw fail('bad_request', { message: 'External links are not stored here: send the file itself, or its url to the Media API' });
}

/** A choice that came behind the file is too late to be obeyed: with `autoRetry=false` it is refused, unless the file lies there anyway. */
export function refuseLateChoice(options: UploadOptions, stored: readonly ConfiguredChannel[]): void {
  const { uploadChannel, channelName, autoRetry } = options;
  const obeyed = stored.every(
    ({ group, name }) => isAsked(uploadChannel, group) && (channelName === undefined || channelName === name),
  );
  if (autoRetry || obeyed) return;
  throw fail('bad_request', { message: 'uploadChannel, channelName and autoRetry must stand before the file in the form' });
}

/** Upload API: `cfr2` means the local disk while there is no R2 channel. */
function isAsked(wanted: string | undefined, group: string): boolean {
  return wanted === undefined || wanted === group || (wanted === 'cfr2' && group === 'local');
}
