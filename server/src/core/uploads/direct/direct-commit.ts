import type { Access, Caller } from '../../access/access.ts';
import type { Clock } from '../../clock.ts';
import { fail } from '../../errors.ts';
import type { Files, FileToAdd } from '../../library/files.ts';
import type { MetadataStore, StoredFile } from '../../metadata.ts';
import { displayName, isGivenOnce, nameCandidates } from '../../naming/file-id.ts';
import type { ChannelPool } from '../../storage/channel-pool.ts';
import { uuidv7 } from '../../uuid.ts';
import {
  type CommitResult,
  commitResultOf,
  type DirectCommit,
  type DirectRow,
  directIdOf,
  issuedUpload,
} from './direct-details.ts';
import { mayClaimByHash } from './direct-proof.ts';
import { DirectRefusal } from './direct-refusal.ts';
import { callTimeoutMs } from './direct-start.ts';

export interface DirectCommitOptions {
  /** Of one file. */
  readonly maxUploadBytes: number;
  readonly metadata: MetadataStore;
  readonly pool: ChannelPool;
  readonly files: Pick<Files, 'add' | 'get'>;
  readonly access: Pick<Access, 'mayUpload'>;
  readonly now: Clock;
}

export interface Committed {
  readonly stored: StoredFile;
  /** Address of the file at the store. */
  readonly url: string;
}

/** Step 3: makes what was uploaded a file. */
export class DirectCommitter {
  readonly #options: DirectCommitOptions;

  constructor(options: DirectCommitOptions) {
    this.#options = options;
  }

  /** Safe to repeat. */
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
      bytes: { storageId, channel, segments, size, hash: sha256, sha256 },
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
