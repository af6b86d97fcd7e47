import type { GetOptions, GetResult } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import { nothing } from '../../core/streams/body.ts';
import type { HttpClient } from '../../outbound/http-client.ts';
import { rangedResult, rangeHeader } from '../shared/ranged.ts';
import { failForStatus } from '../shared/status.ts';
import type { DiscordApi } from './api.ts';
import type { DiscordRef } from './ref.ts';
import { downloadUrl } from './settings.ts';
import type { UrlCache } from './url-cache.ts';

export interface Reader {
  readonly api: DiscordApi;
  readonly http: HttpClient;
  readonly urls: UrlCache;
  readonly proxyUrl: string | undefined;
}

export async function getFile(
  reader: Reader,
  { ref, range, signal }: { ref: DiscordRef } & GetOptions,
): Promise<GetResult> {
  const known = reader.urls.get(ref.attachmentId);
  const url = known ?? (await findUrl(reader, ref, signal));
  if (ref.size === 0) {
    return { stream: nothing(), size: 0 };
  }
  // Signed addresses carry no credentials of ours: the bot token stays with the API.
  const download = (address: string) => {
    const headers = range === undefined ? {} : { range: rangeHeader(range) };
    return reader.http.send({
      method: 'GET',
      url: downloadUrl(address, reader),
      headers,
      signal,
    });
  };
  let response = await download(url);
  if (isStale(response.status)) {
    await response.discard();
    reader.urls.delete(ref.attachmentId);
    response = await download(await findUrl(reader, ref, signal));
  }
  if (response.status === 200 || response.status === 206) {
    return rangedResult(response, { service: 'Discord', size: ref.size, range });
  }
  await response.discard();
  // The message is there, so is the file: a 404 on its new address is trouble of the CDN.
  const status = isStale(response.status) ? 502 : response.status;
  throw failForStatus({
    service: 'Discord',
    status,
    words: `the download answered ${response.status}`,
  });
}

/** An expired address returns 404, and has been seen to return 403. */
function isStale(status: number): boolean {
  return status === 404 || status === 403 || status === 401 || status === 410;
}

async function findUrl(
  { api, urls }: Reader,
  ref: DiscordRef,
  signal: AbortSignal,
): Promise<string> {
  const { value, remoteNowMs } = await api.getMessage(ref, signal);
  const attachment = value.attachments.find(({ id }) => id === ref.attachmentId);
  if (attachment === undefined) {
    throw fail('not_found', { message: 'Discord: the message has lost its file' });
  }
  urls.set(ref.attachmentId, attachment.url, remoteNowMs);
  return attachment.url;
}
