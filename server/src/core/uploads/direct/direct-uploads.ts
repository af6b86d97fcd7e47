import type { Caller } from '../../access/access.ts';
import { type ByteSource, type Json, toJson } from '../../bytes.ts';
import type { DirectUpload } from '../../channel.ts';
import { fail } from '../../errors.ts';
import type { Files } from '../../library/files.ts';
import type { NewJob, Upload } from '../../metadata.ts';
import { deleteObjectJob } from '../../storage/cleanup-jobs.ts';
import type { DigestService } from '../../streams/digests.ts';
import { type Committed, type DirectCommitOptions, DirectCommitter } from './direct-commit.ts';
import { type DirectCommit, type DirectRow, keyOf, readDirect } from './direct-details.ts';
import { proveBytes } from './direct-proof.ts';
import {
  callTimeoutMs,
  type DirectRequest,
  DirectStarter,
  type DirectStartOptions,
  type DirectTicket,
} from './direct-start.ts';

export interface DirectUploadsOptions extends DirectStartOptions, DirectCommitOptions {
  readonly files: Files;
  readonly digests: DigestService;
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
  readonly #committer: DirectCommitter;

  constructor(options: DirectUploadsOptions) {
    this.#options = options;
    this.#starter = new DirectStarter(options);
    this.#committer = new DirectCommitter(options);
  }

  start(request: DirectRequest, caller: Caller): Promise<DirectTicket> {
    return this.#starter.start(request, caller);
  }

  /** Makes what was uploaded a file. Safe to repeat. */
  commit(request: DirectCommit, caller: Caller): Promise<Committed> {
    return this.#committer.commit(request, caller);
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
  async completeMultipart({ channelName, target, body, signal }: PartsCompletion): Promise<Json> {
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
