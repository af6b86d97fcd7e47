import { createReadStream } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { isAbsolute, relative } from 'node:path';
import { z } from 'zod';
import type { GetOptions, GetResult } from '../../core/channel.ts';
import { fail, isStowageError } from '../../core/errors.ts';
import { nothing } from '../../core/streams/body.ts';
import type { HttpResponse } from '../../outbound/http-client.ts';
import { rangedResult } from '../shared/ranged.ts';
import { failForStatus } from '../shared/status.ts';
import { type Bot, refusedWith, type TelegramApi } from './api.ts';
import type { TelegramRef } from './ref.ts';

export interface Reader {
  readonly api: TelegramApi;
  readonly paths: PathCache;
  readonly filesDir: string | undefined;
}

/** Where a file can be fetched at the moment, by file id. Counted on a clock that no one sets. */
export interface PathCache {
  get(fileId: string): string | undefined;
  set(fileId: string, path: string): void;
  delete(fileId: string): void;
}

// The Bot API promises at least an hour.
const lifetimeMs = 50 * 60_000;
const maxPaths = 10_000;

export function createPathCache(now: () => number = () => performance.now()): PathCache {
  const paths = new Map<string, { readonly path: string; readonly expiresAt: number }>();
  return {
    get: (fileId) => {
      const known = paths.get(fileId);
      return known !== undefined && known.expiresAt > now() ? known.path : undefined;
    },
    set: (fileId, path) => {
      const oldest = paths.size >= maxPaths ? paths.keys().next().value : undefined;
      if (oldest !== undefined) {
        paths.delete(oldest);
      }
      paths.delete(fileId);
      paths.set(fileId, { path, expiresAt: now() + lifetimeMs });
    },
    delete: (fileId) => paths.delete(fileId),
  };
}

export async function getFile(
  reader: Reader,
  bot: Bot,
  request: { ref: TelegramRef } & GetOptions,
): Promise<GetResult> {
  const { ref, range, signal } = request;
  const known = reader.paths.get(ref.fileId);
  const path = known ?? (await findPath(reader, bot, ref, signal));
  if (ref.size === 0) {
    return { stream: nothing(), size: 0 };
  }
  if (isAbsolute(path) && reader.filesDir !== undefined) {
    return readLocal(reader.filesDir, path, request);
  }

  let response = await reader.api.download(bot, path, { range, signal });
  if (isStale(response.status)) {
    await response.discard();
    reader.paths.delete(ref.fileId);
    response = await reader.api.download(bot, await findPath(reader, bot, ref, signal), {
      range,
      signal,
    });
  }
  if (response.status === 200 || response.status === 206) {
    return rangedResult(response, { service: 'Telegram', size: ref.size, range });
  }
  throw await downloadError(response);
}

/** An expired path returns 404, and has been seen to return 401 and 410. */
function isStale(status: number): boolean {
  return status === 404 || status === 401 || status === 410 || status === 403;
}

async function downloadError(response: HttpResponse) {
  await response.discard();
  // A path fresh from getFile is there: a 404 on it is trouble of the server, not of the file.
  const status = isStale(response.status) ? 502 : response.status;
  return failForStatus({
    service: 'Telegram',
    status,
    words: `the download answered ${response.status}`,
  });
}

const fileResult = z.looseObject({ file_path: z.string().min(1).optional() });

async function findPath(
  reader: Reader,
  bot: Bot,
  ref: TelegramRef,
  signal: AbortSignal,
): Promise<string> {
  try {
    const { file_path } = await reader.api.call(
      bot,
      { method: 'getFile', params: { file_id: ref.fileId }, result: fileResult },
      signal,
    );
    if (file_path === undefined) {
      throw fail('channel_unavailable', { message: 'Telegram gave no path for the file' });
    }
    reader.paths.set(ref.fileId, file_path);
    return file_path;
  } catch (error) {
    if (refusedWith(error, /invalid file_?id/i)) {
      throw fail('not_found', { message: error.message });
    }
    if (refusedWith(error, /temporarily unavailable|wrong file_?id/i)) {
      throw await goneOrAway(reader, bot, { ref, signal, words: error.message });
    }
    throw error;
  }
}

interface Doubt {
  readonly ref: TelegramRef;
  readonly signal: AbortSignal;
  readonly words: string;
}

/**
 * Telegram reports "wrong file_id or the file is temporarily unavailable" for both. The message
 * shows which it is: an edit that changes nothing is refused with "not modified" (or "can't be
 * edited") while the message is there.
 */
async function goneOrAway(reader: Reader, bot: Bot, { ref, signal, words }: Doubt) {
  const params = { chat_id: ref.chatId, message_id: ref.messageId };
  const probe = reader.api.call(
    bot,
    { method: 'editMessageReplyMarkup', params, result: z.unknown() },
    signal,
  );
  const gone = await probe.then(
    () => false,
    (error: unknown) => {
      if (isStowageError(error, 'channel_refused')) {
        return /not found|MESSAGE_ID_INVALID/i.test(error.message);
      }
      throw error;
    },
  );
  return gone
    ? fail('not_found', { message: words })
    : fail('channel_unavailable', { message: words });
}

async function readLocal(
  filesDir: string,
  path: string,
  { ref, range }: { ref: TelegramRef } & GetOptions,
): Promise<GetResult> {
  const { start, end } = range ?? { start: 0, end: ref.size - 1 };
  const [root, file] = await Promise.all([realpath(filesDir), realpath(path)]).catch(
    (cause: unknown) => {
      throw fail('channel_unavailable', {
        message: 'Telegram: the file is not in `filesDir`',
        cause,
      });
    },
  );
  const inside = relative(root, file);
  if (inside.startsWith('..') || isAbsolute(inside)) {
    throw fail('channel_refused', { message: 'Telegram: the file lies outside `filesDir`' });
  }
  return { stream: fileBytes(file, start, end), size: end - start + 1 };
}

/** Opened when it is read: a stream that fails while nothing reads it would end the process. */
async function* fileBytes(path: string, start: number, end: number): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { start, end });
  } catch (cause) {
    throw fail('channel_unavailable', {
      message: 'Telegram: the file in `filesDir` cannot be read',
      cause,
    });
  }
}
