import type { Caller } from '../../access/access.ts';
import { type Clock, dayMs } from '../../clock.ts';
import { startsAsUtf8, withCharset } from '../../content-type/charset.ts';
import { sniff } from '../../content-type/sniff.ts';
import { fail, isStowageError } from '../../errors.ts';
import type { Files, FileToAdd } from '../../library/files.ts';
import type { MetadataStore, Segment, StoredFile, UploadPart } from '../../metadata.ts';
import { displayName, isGivenOnce, nameCandidates } from '../../naming/file-id.ts';
import type { ChannelPool } from '../../storage/channel-pool.ts';
import { deleteObjectJob } from '../../storage/cleanup-jobs.ts';
import { openReplica } from '../../storage/read-content.ts';
import { joinSegments, type StoredObjects } from '../../storage/store-objects.ts';
import { hashOfParts } from '../../streams/hash.ts';
import { readAll } from '../../streams/peek.ts';
import { uuidv7 } from '../../uuid.ts';
import type { ChunkedUpload, NamingOptions } from './chunked-details.ts';
import { reclaimNative } from './native-object.ts';

export interface FileMakerOptions {
  readonly metadata: MetadataStore;
  readonly pool: ChannelPool;
  readonly files: Pick<Files, 'add' | 'get'>;
  readonly now: Clock;
  readonly maxUploadBytes: number;
}

export interface MergeRequest {
  readonly upload: ChunkedUpload;
  readonly naming: NamingOptions;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

export interface Merged {
  readonly stored: StoredFile;
  readonly fullUrl: boolean;
}

const rememberMs = dayMs;
/** The type needs 8 KiB; a charset may show later. */
const sniffBytes = 64 * 1024;

/** Makes a file of a complete set of parts. */
export class FileMaker {
  readonly #options: FileMakerOptions;

  constructor(options: FileMakerOptions) {
    this.#options = options;
  }

  /** `changed`, with no file made, when a part was replaced in the meantime or the upload ended. */
  async make(request: MergeRequest, parts: readonly UploadPart[]): Promise<Merged | 'changed'> {
    const { files, maxUploadBytes: maxBytes, now } = this.#options;
    const { upload, naming } = request;
    if (parts.reduce((sum, part) => sum + part.size, 0) > maxBytes) {
      throw fail('too_large', { details: { maxBytes } });
    }
    const objects = joinSegments(await this.#collectSegments(request, parts));
    const contentType = await this.#contentTypeOf(request, objects);
    const fullUrl = naming.fullUrl ?? upload.details.fullUrl ?? false;
    const fileId = uuidv7(now());
    const { id, version } = upload;
    const stored = await files
      .add({
        ...this.#describe(request, objects, contentType),
        id: fileId,
        upload: { id, version, result: { fileId, fullUrl } },
      })
      .catch(async (error: unknown) => {
        if (isStowageError(error, 'unauthorized')) {
          await this.#removeAll(upload, objects);
        }
        throw error;
      });
    if (stored === undefined) {
      await this.#removeIfCancelled(upload);
      return 'changed';
    }
    await this.#rememberResult(upload);
    return { stored, fullUrl };
  }

  /**
   * Parts that are objects stay as they are. Native ones become one object, in the place of the
   * first of them.
   */
  async #collectSegments(
    request: MergeRequest,
    parts: readonly UploadPart[],
  ): Promise<readonly Segment[]> {
    const native = parts.filter((part) => part.native !== null);
    const [first] = native;
    if (first === undefined) {
      return parts.flatMap((part) => part.segments);
    }
    const object = await this.#finishNative(request, native);
    return parts.flatMap((part) => (part === first ? [object] : part.segments));
  }

  async #finishNative(
    { upload, signal }: MergeRequest,
    parts: readonly UploadPart[],
  ): Promise<Segment> {
    const { multipart } = this.#options.pool.byId(upload.channelId).channel;
    const { native } = upload.details;
    if (!multipart || !native) {
      throw fail('service_unavailable', {
        message: 'The storage channel can no longer finish this upload',
      });
    }
    const numbered = parts.map((part) => ({
      number: part.index + 1,
      part: part.native,
      size: part.size,
    }));
    const put = await multipart.finish(native.state, numbered, { signal });
    return { ref: put.ref, size: put.size, hash: hashOfParts(parts.map((part) => part.hash)) };
  }

  async #contentTypeOf({ upload, signal }: MergeRequest, objects: StoredObjects): Promise<string> {
    const { filename, contentType: declared } = upload.details;
    const head = await this.#readHead(upload, objects, signal);
    const sniffed = await sniff(head, { filename, declared });
    return withCharset(sniffed.contentType, declared, startsAsUtf8(head, objects.size));
  }

  async #readHead(
    { channelId }: ChunkedUpload,
    objects: StoredObjects,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    if (objects.size === 0) {
      return new Uint8Array(0);
    }
    const { channel } = this.#options.pool.byId(channelId);
    const range = { start: 0, end: Math.min(sniffBytes, objects.size) - 1 };
    const { stream } = await openReplica(channel, objects, { range, signal });
    return readAll(stream);
  }

  #describe(
    { upload, naming, caller }: MergeRequest,
    objects: StoredObjects,
    contentType: string,
  ): FileToAdd {
    const { pool, now } = this.#options;
    const { details } = upload;
    const { filename } = details;
    const mode = naming.nameMode ?? details.nameMode ?? 'default';
    const folder = naming.folder ?? details.folder ?? '';
    return {
      bytes: {
        ...objects,
        storageId: details.native ? details.storageId : uuidv7(now()),
        channel: pool.byId(upload.channelId),
      },
      filename: displayName(filename),
      contentType,
      path: nameCandidates({ mode, filename, contentType, folder }),
      givenOnce: isGivenOnce(mode),
      uploader: caller.token?.id ?? null,
      promisedTo: caller.owner,
      ip: details.ip,
    };
  }

  /** Failing only shortens how long the result is known: to the life of the upload. */
  async #rememberResult({ id, version }: ChunkedUpload): Promise<void> {
    const { metadata, now } = this.#options;
    await metadata.uploads
      .update(id, version + 1, { expiresAt: now() + rememberMs })
      .catch(() => undefined);
  }

  /**
   * The upload was cancelled while the store finished its object: the job that removes the object
   * may have run too early.
   */
  async #removeIfCancelled(upload: ChunkedUpload): Promise<void> {
    const { metadata, pool, now } = this.#options;
    if ((await metadata.uploads.get(upload.id)) === undefined) {
      const channel = pool.byId(upload.channelId);
      await metadata.jobs.add(reclaimNative(upload, channel, now()));
    }
  }

  /** The caller may no longer upload: nothing of the upload stays. */
  async #removeAll(
    { id, version, channelId }: ChunkedUpload,
    { segments }: StoredObjects,
  ): Promise<void> {
    const { metadata, now } = this.#options;
    const jobs = segments.map((segment) => deleteObjectJob(channelId, segment, now()));
    await metadata.uploads.remove(id, version, jobs);
  }
}
