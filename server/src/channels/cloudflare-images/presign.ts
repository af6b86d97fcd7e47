import type { Presign, PresignOptions } from '../../core/channel.ts';
import { isStowageError } from '../../core/errors.ts';
import type { CloudflareApi, Draft } from './api.ts';
import { idOf, imageIdOf, metadataOf, refOf } from './ref.ts';
import { type CloudflareImagesSettings, maxImageBytes } from './settings.ts';

const formats = ['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/svg+xml'];
const marginSeconds = 30;
const shortestSeconds = 2 * 60;
const longestSeconds = 6 * 3600;
/** What Cloudflare assumes by default. */
const usualSeconds = 30 * 60;

/** Direct creator upload: one form with a field `file`, straight from the client to Cloudflare. */
export function createPresign(api: CloudflareApi, settings: CloudflareImagesSettings): Presign {
  return {
    onRequest: settings.directUpload !== 'always',
    accepts: (file) => takes(file, settings),
    start: async (options) => {
      if (!takes(options, settings)) {
        return undefined;
      }
      const { draft, expiresAt } = await createDraft(api, settings, options);
      return {
        method: 'POST',
        url: draft.uploadUrl,
        headers: {},
        fieldName: 'file',
        expiresAt,
        state: { id: draft.id },
      };
    },
    head: async (state, { signal }) => {
      const id = idOf(state);
      const details = await api.details(id, signal);
      if (details === undefined || details.draft === true) {
        return undefined;
      }
      const { size, contentType } = await api.measure(id, signal);
      const { width, height } = details;
      const frame = width !== undefined && height !== undefined ? { width, height } : undefined;
      return { ref: refOf(id), size, contentType, ...frame };
    },
    abort: (state, { signal }) => api.remove(idOf(state), signal),
  };
}

/**
 * A file whose size is not known might turn out too large when it is too late to take another way.
 */
function takes(
  { contentType, size }: Pick<PresignOptions, 'contentType' | 'size'>,
  { acceptHeic }: CloudflareImagesSettings,
): boolean {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  const known = formats.includes(type) || (acceptHeic && type === 'image/heic');
  return known && size !== undefined && size <= maxImageBytes;
}

interface TimedDraft {
  readonly draft: Draft;
  readonly expiresAt: number;
}

async function createDraft(
  api: CloudflareApi,
  settings: CloudflareImagesSettings,
  options: PresignOptions,
): Promise<TimedDraft> {
  const request = {
    // A custom id and signed addresses exclude each other.
    id: settings.requireSignedUrls ? undefined : imageIdOf(options.key),
    metadata: metadataOf(options.key),
    requireSignedUrls: settings.requireSignedUrls,
  };
  const expiresAt = expiryOf(options.expiresInSeconds);
  try {
    const draft = await api.createDraft(
      { ...request, expiry: new Date(expiresAt).toISOString() },
      options.signal,
    );
    return { draft, expiresAt };
  } catch (error) {
    // A clock that is wrong puts the expiry outside of what is allowed: Cloudflare's own half hour
    // does not depend on it.
    if (!isStowageError(error, 'channel_refused')) {
      throw error;
    }
    const draft = await api.createDraft({ ...request, expiry: undefined }, options.signal);
    return { draft, expiresAt: Date.now() + usualSeconds * 1000 };
  }
}

function expiryOf(seconds: number): number {
  const clamped = Math.min(
    Math.max(seconds, shortestSeconds + marginSeconds),
    longestSeconds - marginSeconds,
  );
  return Date.now() + clamped * 1000;
}
