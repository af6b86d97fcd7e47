import type { ByteSource } from '../bytes.ts';
import { categoryOf } from '../content-type/media-types.ts';
import { secondType } from '../content-type/polyglot.ts';
import { fail, isStowageError, type StowageError } from '../errors.ts';
import type { IntakeResult } from '../storage/intake.ts';
import { randomAccess } from '../storage/random-access.ts';
import { mediaPath } from '../uploads/presigned/complete-upload.ts';
import { isBoth } from '../uploads/presigned/verify-upload.ts';
import { uuidv7 } from '../uuid.ts';
import { nameInUrl, withExtension } from './import-name.ts';
import type { ImportCaller, ImportOptions, ImportRequest, ReadyMedia } from './import-types.ts';

const totalMs = 30_000;
const inspectMs = 60_000;

interface ImageImport {
  readonly request: ImportRequest;
  readonly caller: ImportCaller;
  readonly options: ImportOptions;
}

/**
 * Takes the picture over at once; undefined when it is a video, of which nothing was stored. Leaves
 * nothing behind when it fails.
 */
export async function importImage({
  request,
  caller,
  options,
}: ImageImport): Promise<ReadyMedia | undefined> {
  const stored = await fetchImage(request, options);
  if (stored === undefined) {
    return undefined;
  }
  try {
    return await record({ request, caller, options }, stored);
  } catch (error) {
    await options.intake.discard(stored, error);
    throw error;
  }
}

/**
 * What the remote calls it is not asked: the first bytes tell, and the smaller limit holds from
 * then on.
 */
async function fetchImage(
  request: ImportRequest,
  options: ImportOptions,
): Promise<IntakeResult | undefined> {
  const { maxImageBytes, maxVideoBytes, fetch, pool, intake } = options;
  const maxBytes = Math.max(maxImageBytes, maxVideoBytes);
  const limit = { bytes: maxBytes };
  let video = false;
  const { source, size, close } = await fetch.open(request.url, {
    maxBytes,
    totalMs,
    signal: request.signal,
  });
  try {
    return await intake.store({
      source: within(source, limit),
      filename: request.filename ?? nameInUrl(request.url),
      declaredType: 'application/octet-stream',
      size,
      candidates: (await pool.forCategory('image')).map((channel) => ({
        group: channel.group,
        channel,
      })),
      accept({ detected }, head) {
        video = detected === 'video/mp4';
        checkType(detected, head, options);
        limit.bytes = maxImageBytes;
        if (Math.max(size ?? 0, head.length) > maxImageBytes) {
          throw imageTooLarge(maxImageBytes);
        }
      },
      signal: request.signal,
    });
  } catch (error) {
    if (video) {
      return undefined;
    }
    if (isStowageError(error, 'too_large')) {
      throw imageTooLarge(limit.bytes);
    }
    throw error;
  } finally {
    close();
  }
}

async function record(
  { request, caller, options }: ImageImport,
  stored: IntakeResult,
): Promise<ReadyMedia> {
  const { contentType } = stored.sniffed;
  const content = randomAccess({
    channel: stored.channel.channel,
    segments: stored.segments,
    signal: AbortSignal.timeout(inspectMs),
  });
  const [facts, second] = await Promise.all([
    options.prober.inspect(content, contentType),
    secondType(content),
  ]);
  if (second !== undefined) {
    throw isBoth(contentType, second);
  }
  const id = uuidv7(options.now());
  const filename = request.filename ?? withExtension(nameInUrl(request.url), contentType);
  const added = await options.files.add({
    ...{ id, bytes: stored, filename, contentType, ...facts },
    path: (attempt) => (attempt === 0 ? mediaPath(id, filename, contentType) : undefined),
    givenOnce: true,
    uploader: caller.owner,
    promisedTo: caller.owner,
    ip: request.ip,
  });
  if (added === undefined) {
    throw fail('internal_error');
  }
  return { state: 'ready', stored: added, warnings: [] };
}

function checkType(contentType: string, head: Uint8Array, { supportedTypes }: ImportOptions): void {
  if (head.length === 0) {
    throw fail('empty_file');
  }
  if (categoryOf(contentType) === 'image' && supportedTypes.includes(contentType)) {
    return;
  }
  throw fail('unsupported_media_type', {
    message: `The url leads to ${contentType}.`,
    details: {
      detected: contentType,
      supportedTypes: supportedTypes.filter((type) => categoryOf(type) !== 'document'),
    },
  });
}

function imageTooLarge(maxBytes: number): StowageError {
  return fail('too_large', {
    message: `The file is larger than the ${Math.round(maxBytes / 2 ** 20)} MB limit.`,
    details: { maxBytes },
  });
}

async function* within(
  source: ByteSource,
  limit: { readonly bytes: number },
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > limit.bytes) {
      throw imageTooLarge(limit.bytes);
    }
    yield chunk;
  }
}
