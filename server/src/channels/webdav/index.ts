import { randomUUID } from 'node:crypto';
import type { ReplayableBody } from '../../core/bytes.ts';
import type { Channel, ChannelLimits, PutOptions, PutResult, Ref } from '../../core/channel.ts';
import { fail, isStowageError } from '../../core/errors.ts';
import { createKeyedMutex } from '../../core/guard/keyed-mutex.ts';
import { wait } from '../../core/guard/wait.ts';
import { bytesBody } from '../../core/streams/body.ts';
import { tap } from '../../core/streams/tap.ts';
import { defineDriver } from '../driver.ts';
import { rangedResult } from '../shared/ranged.ts';
import { addressOf, contentLength, createDavApi, type DavApi } from './api.ts';
import { createFolders, type Folders } from './folders.ts';
import { once } from './once.ts';
import { segmentBytes, type WebdavSettings, webdavSettings } from './settings.ts';

export const webdavDriver = defineDriver({
  type: 'webdav',
  group: { name: 'webdav', label: 'WebDAV', fallbackRank: 5 },
  settings: webdavSettings,
  create: createWebdavChannel,
});

export function createWebdavChannel(settings: WebdavSettings): Channel {
  const api = createDavApi(settings);
  const folders = createFolders(api);
  // An abandoned attempt may still be sweeping: the next one's object must not go with it.
  const puts = createKeyedMutex();
  const ensureFolder = (path: string, signal: AbortSignal) =>
    settings.createDirectory ? folders.ensureAbove(path, signal) : Promise.resolve();
  const canMove = once(30_000, (signal) => probeMove(api, ensureFolder, signal));

  return {
    limits: limitsOf(settings),
    remote: true,
    locate: refOf,
    put: (body, options) => {
      const { key, signal } = options;
      const work = async (): Promise<PutResult> => {
        await ensureFolder(key, signal);
        const context = { api, folders, viaMove: await canMove(signal) };
        return { ref: refOf(key), size: await store(context, body, options) };
      };
      return puts.run(key, work, signal);
    },
    get: async (ref, { range, signal }) => {
      const path = pathOf(ref);
      const response = await api.get(path, { range, signal });
      const size =
        range === undefined
          ? (contentLength(response) ?? (await api.size(path, signal)))
          : range.end + 1;
      return rangedResult(response, { service: 'WebDAV', size, range });
    },
    delete: async (ref, { signal }) => {
      const path = pathOf(ref);
      // no file: perhaps a crash came between PUT and MOVE
      if (!(await api.remove(path, signal))) {
        await api.remove(partOf(path), signal);
      }
    },
    check: async ({ signal }) => {
      const response = await api.describe('', signal);
      const missing = response.status === 404 && settings.createDirectory;
      if (response.status !== 207 && !missing && ![405, 501].includes(response.status)) {
        throw await api.failure('PROPFIND', response);
      }
      await response.discard();
      await canMove(signal);
    },
    url: (ref) =>
      settings.publicUrl === undefined ? undefined : addressOf(settings.publicUrl, pathOf(ref)),
    close: api.close,
  };
}

function limitsOf(settings: WebdavSettings): ChannelLimits {
  const size = segmentBytes(settings);
  return size === undefined ? {} : { segment: { min: 1, best: size, max: size } };
}

interface Store {
  readonly api: DavApi;
  readonly folders: Folders;
  readonly viaMove: boolean;
}

/**
 * Returns the number of bytes stored. A cut PUT leaves a partial file on some servers: never under
 * the final name where MOVE is known.
 */
async function store(context: Store, body: ReplayableBody, options: PutOptions): Promise<number> {
  const { api, viaMove } = context;
  const { key, signal } = options;
  const target = viaMove ? partOf(key) : key;
  try {
    const size = await write(api, target, body, options);
    if (viaMove) {
      await publish(api, { key, size, signal });
    }
    return size;
  } catch (error) {
    if (isStowageError(error, 'channel_unavailable')) {
      context.folders.forget();
    }
    await sweep(api, viaMove ? [target, key] : [target]);
    throw error;
  }
}

async function write(
  api: DavApi,
  target: string,
  body: ReplayableBody,
  options: PutOptions,
): Promise<number> {
  const sent = tap(body.open(), {});
  await api.put(target, sent, {
    contentType: options.contentType,
    size: body.size,
    signal: options.signal,
  });
  const stored = await api.size(target, options.signal).catch((error: unknown) => {
    if (!isStowageError(error, 'not_found')) {
      throw error;
    }
    return 0;
  });
  if (stored !== sent.bytes) {
    throw fail('channel_unavailable', {
      message: `WebDAV: the server stored ${stored} of ${sent.bytes} bytes`,
    });
  }
  return stored;
}

/**
 * A MOVE whose answer is lost or an error may have been done all the same: then the file is there.
 */
async function publish(
  api: DavApi,
  { key, size, signal }: { key: string; size: number; signal: AbortSignal },
): Promise<void> {
  try {
    await api.move(partOf(key), key, signal);
  } catch (error) {
    const stored = await api.size(key, signal).catch(() => undefined);
    if (stored !== size) {
      throw error;
    }
  }
}

/** Best effort: core holds a clean-up job for the ref, and `delete` finds both names. */
async function sweep(api: DavApi, paths: readonly string[]): Promise<void> {
  const signal = AbortSignal.timeout(3_000);
  await Promise.all(paths.map((path) => removeLate(api, path, signal).catch(() => undefined)));
}

/**
 * rclone keeps what it has of a cut PUT, a moment after the connection is gone; a DELETE before
 * that moment gets 204 and is undone, and every later one gets 404. So the first one waits.
 */
async function removeLate(api: DavApi, path: string, signal: AbortSignal): Promise<void> {
  for (const waitMs of [150, 350]) {
    await wait(waitMs, signal);
    if (!(await api.remove(path, signal))) {
      return;
    }
  }
}

/** Whether the server moves a file, tried with a small one that is gone afterwards. */
async function probeMove(
  api: DavApi,
  ensureFolder: (path: string, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<boolean> {
  const name = `stowage-probe-${randomUUID()}`;
  const paths = [partOf(name), name] as const;
  await ensureFolder(name, signal);
  try {
    await api.put(paths[0], bytesBody(Buffer.from('ok')).open(), {
      contentType: 'text/plain',
      size: 2,
      signal,
    });
    return await api.tryMove(paths[0], paths[1], signal);
  } finally {
    await Promise.all(
      paths.map((path) => api.remove(path, AbortSignal.timeout(3_000)).catch(() => undefined)),
    );
  }
}

function partOf(path: string): string {
  return `${path}.part`;
}

function refOf(key: string): Ref {
  return { path: key };
}

function pathOf(ref: Ref): string {
  if (ref !== null && typeof ref === 'object' && 'path' in ref && typeof ref.path === 'string') {
    return ref.path;
  }
  throw fail('not_found', { message: 'WebDAV: not a ref of this channel' });
}
