import type { Access, Caller } from '../../access/access.ts';
import { type ByteSource, type Json, toJson } from '../../bytes.ts';
import type { DirectUpload } from '../../channel.ts';
import type { Clock } from '../../clock.ts';
import { fail } from '../../errors.ts';
import type { Files, FileToAdd } from '../../library/files.ts';
import type { MetadataStore, NewJob, StoredFile, Upload } from '../../metadata.ts';
import { displayName, isGivenOnce, nameCandidates } from '../../naming/file-id.ts';
import type { ChannelPool } from '../../storage/channel-pool.ts';
import { deleteObjectJob } from '../../storage/cleanup-jobs.ts';
import type { DigestService } from '../../streams/digests.ts';
import { uuidv7 } from '../../uuid.ts';
import type { OpenUploads } from '../open-uploads.ts';
import {
  type CommitResult,
  commitResultOf,
  type DirectCommit,
  type DirectRow,
  directIdOf,
  issuedUpload,
  keyOf,
  readDirect,
} from './direct-details.ts';
import { mayClaimByHash, proveBytes } from './direct-proof.ts';
import { DirectRefusal } from './direct-refusal.ts';
import {
  callTimeoutMs,
  type DirectRequest,
  DirectStarter,
  type DirectTicket,
} from './direct-start.ts';

export interface DirectUploadsOptions {
  /** Of one file. */
  readonly maxUploadBytes: number;
  readonly metadata: MetadataStore;
  readonly pool: ChannelPool;
  readonly files: Files;
  readonly access: Pick<Access, 'mayUpload'>;
  readonly openUploads: OpenUploads;
  readonly digests: DigestService;
  readonly now: Clock;
}

export interface Committed {
  readonly stored: StoredFile;
  /** Address of the file at the store. */
  readonly url: string;
}

/** The list of parts with which a browser completes the store's own multipart upload. */
export interface PartsCompletion {
  readonly channelName: string;
  /** The address that the store gave. */
  readonly target: string;
  readonly body: Json;
  readonly signal: AbortSignal;
}

/**
 * Upload API 3: the client uploads to the store by itself. What step 1 issued is all that step 3
 * can commit. Steps fail with a `DirectRefusal`.
 */
export class DirectUploads {
  readonly #options: DirectUploadsOptions;
  readonly #starter: DirectStarter;

  constructor(options: DirectUploadsOptions) {
    this.#options = options;
    this.#starter = new DirectStarter(options);
  }

  start(request: DirectRequest, caller: Caller): Promise<DirectTicket> {
    return this.#starter.start(request, caller);
  }

  /** Makes what was uploaded a file. Safe to repeat. */
  async commit(request: DirectCommit, caller: Caller): Promise<Committed> {
    const { metadata, maxUploadBytes: maxBytes } = this.#options;
    if (request.size > maxBytes) {
      throw fail('too_large', { details: { maxBytes } });
    }
    for (;;) {
      const found = await metadata.uploads.get(directIdOf(request.filePath));
      const upload = issuedUpload(found, request, caller);
      if (upload === undefined) {
        throw new DirectRefusal('not_issued');
      }
      const result = commitResultOf(upload);
      if (result !== undefined) {
        return this.#committedBefore(result);
      }
      const committed = await this.#commitNow(upload, caller);
      if (committed !== 'changed') {
        return committed;
      }
    }
  }

  /** Compares the bytes of an upload whose ticket asks for a proof, and keeps none of them. */
  async receive(uploadId: string, source: ByteSource): Promise<void> {
    const { details: claimed } = await this.#receiving(uploadId);
    await proveBytes(source, claimed, this.#options.digests);
    for (;;) {
      const { version, details } = await this.#receiving(uploadId);
      const patch = { details: toJson({ ...details, proof: 'given' }) };
      if (await this.#options.metadata.uploads.update(uploadId, version, patch)) {
        return;
      }
    }
  }

  /** Forwards a completion, for browsers that cannot call the store. */
  completeMultipart({ channelName, target, body, signal }: PartsCompletion): Promise<Json> {
    const { direct } = this.#byName(channelName);
    return direct.completeMultipart(target, body, { signal });
  }

  /** Of the channel with this name that takes direct uploads. Fails with `not_found`. */
  channelId(name: string): string {
    return this.#byName(name).id;
  }

  /** False, with nothing removed, when the row has changed in the meantime. */
  removeExpired(upload: Upload): Promise<boolean> {
    const { uploads } = this.#options.metadata;
    return uploads.remove(upload.id, upload.version, this.#orphanJobs(upload));
  }

  /** `changed` when another request has committed it in the meantime. */
  async #commitNow(upload: DirectRow, caller: Caller): Promise<Committed | 'changed'> {
    const { metadata, pool, files, access } = this.#options;
    if (!(await access.mayUpload(caller.owner))) {
      throw fail('unauthorized');
    }
    if (!(await this.#isProven(upload, caller))) {
      if ((await metadata.uploads.get(upload.id))?.state === 'done') {
        return 'changed';
      }
      throw new DirectRefusal('not_arrived');
    }
    const channel = pool.byId(upload.channelId);
    const { direct } = channel.channel;
    if (direct === undefined) {
      throw fail('service_unavailable');
    }
    const signal = AbortSignal.timeout(callTimeoutMs);
    const { ref, size, url } = await direct.commit(upload.details.state, { signal });
    const segments = [{ ref, size, hash: '' }];
    const stored = await files.add(
      this.#describe(upload, { channel, segments, size, url, caller }),
    );
    return stored === undefined ? 'changed' : { stored, url };
  }

  /** Bytes that arrived in the library after the ticket are no proof that the caller has them. */
  async #isProven({ details, channelId }: DirectRow, caller: Caller): Promise<boolean> {
    const { files } = this.#options.metadata;
    const { proof, sha256 } = details;
    if (proof !== null) {
      return proof === 'given';
    }
    return (
      (await mayClaimByHash({ sha256, channelId, caller }, files)) ||
      !(await files.holdsSha256(sha256))
    );
  }

  #describe(
    { id, version, details }: DirectRow,
    at: Pick<FileToAdd['bytes'], 'channel' | 'segments' | 'size'> & {
      readonly url: string;
      readonly caller: Caller;
    },
  ): FileToAdd {
    const { channel, segments, size, url, caller } = at;
    const { storageId, sha256, path, nameMode } = details;
    const fileId = uuidv7(this.#options.now());
    return {
      id: fileId,
      bytes: { storageId, channel, segments, size, hash: sha256, sha256, pendingCleanup: [] },
      filename: displayName(details.filename),
      contentType: details.contentType,
      path: startingWith(path, nameCandidates({ ...details, mode: nameMode })),
      givenOnce: isGivenOnce(nameMode),
      uploader: caller.token?.id ?? null,
      promisedTo: caller.owner,
      ip: details.ip,
      upload: { id, version, result: { fileId, url } },
    };
  }

  async #committedBefore({ fileId, url }: CommitResult): Promise<Committed> {
    const { files, metadata } = this.#options;
    const stored = await files.get(fileId);
    if (stored === undefined) {
      throw fail('not_found', { message: 'The file was deleted.' });
    }
    await metadata.settled();
    return { stored, url };
  }

  /** The row of an upload that may still prove its bytes. */
  async #receiving(id: string): Promise<DirectRow> {
    const { metadata, access } = this.#options;
    const upload = await metadata.uploads.get(id);
    if (upload === undefined || upload.kind !== 'direct') {
      throw fail('not_found');
    }
    if (upload.state === 'done') {
      throw fail('already_completed');
    }
    if (!(await access.mayUpload(upload.owner))) {
      throw fail('invalid_signature', {
        message: 'The credentials of this upload are no longer valid.',
      });
    }
    return readDirect(upload);
  }

  #byName(name: string): { readonly id: string; readonly direct: DirectUpload } {
    for (const { id, name: known, channel } of this.#options.pool.all()) {
      if (known === name && channel.direct !== undefined) {
        return { id, direct: channel.direct };
      }
    }
    throw fail('not_found');
  }

  /**
   * A crash between the commit at the store and ours leaves a file there without a link.
   */
  #orphanJobs(upload: Upload): readonly NewJob[] {
    const { pool, now } = this.#options;
    if (upload.state === 'done') {
      return [];
    }
    const { channelId } = upload;
    const channel = pool.all().find(({ id }) => id === channelId);
    const key = keyOf(upload);
    const ref = key === undefined ? undefined : channel?.channel.locate?.(key);
    // Later than a commit that is running now can end.
    return ref === undefined ? [] : [deleteObjectJob(channelId, { ref }, now() + callTimeoutMs)];
  }
}

/**
 * The issued path first; if it has been taken in the meantime, the next free name. Nothing is
 * overwritten.
 */
function startingWith(
  path: string,
  others: (attempt: number) => string | undefined,
): (attempt: number) => string | undefined {
  return (attempt) => (attempt === 0 ? path : others(attempt - 1));
}
