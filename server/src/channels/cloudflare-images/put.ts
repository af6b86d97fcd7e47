import type { ReplayableBody } from '../../core/bytes.ts';
import type { PutOptions, PutResult } from '../../core/channel.ts';
import { fail, isStowageError } from '../../core/errors.ts';
import type { KeyedMutex } from '../../core/guard/keyed-mutex.ts';
import { withRetry } from '../../core/guard/retry.ts';
import { tap } from '../../core/streams/tap.ts';
import { attachmentName, attachmentType } from '../shared/attachment.ts';
import { sendOrUndo } from '../shared/send-or-undo.ts';
import type { CloudflareApi } from './api.ts';
import { service } from './failure.ts';
import { imageIdOf, metadataOf, refOf } from './ref.ts';
import { maxImageBytes } from './settings.ts';

export interface PutContext {
  readonly api: CloudflareApi;
  readonly locks: KeyedMutex;
  readonly requireSignedUrls: boolean;
}

/** What needs no upload to be refused; of all else Cloudflare itself decides by the bytes. */
const surelyNoImage = /^(?:video|audio|font)\/|^application\/(?:pdf|zip)\b/i;

interface StoredImage {
  readonly id: string;
  readonly size: number;
}

export async function putImage(
  context: PutContext,
  body: ReplayableBody,
  options: PutOptions,
): Promise<PutResult> {
  if ((body.size ?? 0) > maxImageBytes) {
    throw tooLarge();
  }
  if (surelyNoImage.test(options.contentType)) {
    throw fail('channel_refused', { message: `${service}: takes images only` });
  }
  let release = () => {};
  const { id, size } = await sendOrUndo<StoredImage>({
    signal: options.signal,
    send: async (signal, onSent) => {
      release = await context.locks.acquire(options.key, signal);
      try {
        const image = await upload(context, { body, options, signal, onSent });
        if (!options.signal.aborted) {
          release();
        }
        return image;
      } catch (error) {
        release();
        throw error;
      }
    },
    undo: (image) => discard(context.api, image.id).finally(release),
  });
  return { ref: refOf(id), size };
}

interface Upload {
  readonly body: ReplayableBody;
  readonly options: PutOptions;
  readonly signal: AbortSignal;
  readonly onSent: () => void;
}

async function upload(
  context: PutContext,
  { body, options, signal, onSent }: Upload,
): Promise<StoredImage> {
  const { api } = context;
  const target = await targetOf(context, options.key, signal);
  let isSent = false;
  const source = tap(body.open(), {
    maxBytes: maxImageBytes,
    tooLarge,
    onEnd() {
      isSent = true;
      onSent();
    },
  });
  const filename = attachmentName(options);
  const file = {
    filename,
    contentType: attachmentType(options.contentType),
    size: body.size,
    source,
  };
  try {
    await api.upload({ ...target, ...file }, signal).catch(async (error: unknown) => {
      if (
        !(await isThereAnyway(api, target.id, { error, sent: isSent, size: source.bytes, signal }))
      ) {
        throw error;
      }
    });
    await expectUnchanged(api, { id: target.id, size: source.bytes }, signal);
    return { id: target.id, size: source.bytes };
  } catch (error) {
    await discard(api, target.id);
    throw error;
  }
}

interface Target {
  readonly id: string;
  readonly uploadUrl?: string;
  readonly fields: Readonly<Record<string, string>>;
}

/**
 * Cloudflare gives private images their ids itself. A draft has the id beforehand, so that an image
 * whose upload was never confirmed can be found.
 */
async function targetOf(
  { api, requireSignedUrls }: PutContext,
  key: string,
  signal: AbortSignal,
): Promise<Target> {
  const metadata = metadataOf(key);
  const id = imageIdOf(key);
  if (!requireSignedUrls) {
    return { id, fields: { id, metadata, requireSignedURLs: 'false' } };
  }
  const draft = await api.createDraft(
    { id: undefined, expiry: undefined, metadata, requireSignedUrls },
    signal,
  );
  return { ...draft, fields: {} };
}

interface Doubt {
  readonly error: unknown;
  /** Whether all of the body went out. */
  readonly sent: boolean;
  readonly size: number;
  readonly signal: AbortSignal;
}

/** A lost response, or a 5xx, leaves open what happened. */
async function isThereAnyway(
  api: CloudflareApi,
  id: string,
  { error, sent, size, signal }: Doubt,
): Promise<boolean> {
  if (!sent || !isStowageError(error, 'channel_unavailable')) {
    return false;
  }
  const found = await api.measure(id, signal).catch(() => undefined);
  return found?.size === size;
}

/**
 * Of some large pictures Cloudflare keeps a converted version only: those belong on another
 * channel.
 */
async function expectUnchanged(
  api: CloudflareApi,
  { id, size }: StoredImage,
  signal: AbortSignal,
): Promise<void> {
  const found = await withRetry(() => api.measure(id, signal).catch(notYet), signal);
  if (found.size !== size) {
    throw fail('channel_refused', {
      message: `${service}: keeps a converted picture of ${found.size} instead of ${size} bytes`,
    });
  }
}

/** The upload was confirmed: a 404 now only means that the news has not spread. */
function notYet(error: unknown): never {
  if (isStowageError(error, 'not_found')) {
    throw fail('channel_unavailable', { message: error.message });
  }
  throw error;
}

/**
 * Best effort: without it a failed upload may leave an image, which the clean-up of core finds by
 * its id.
 */
async function discard(api: CloudflareApi, id: string): Promise<void> {
  await api.remove(id, AbortSignal.timeout(10_000)).catch(() => undefined);
}

function tooLarge() {
  return fail('too_large', {
    message: `${service}: takes images up to 10 MB`,
    details: { maxBytes: maxImageBytes },
  });
}
