import { z } from 'zod';
import type { Caller } from '../../access/access.ts';
import { toJson } from '../../bytes.ts';
import type { Clock } from '../../clock.ts';
import { fail, type StowageError } from '../../errors.ts';
import { SharedWork } from '../../guard/shared-work.ts';
import type { Files } from '../../library/files.ts';
import type { MetadataStore, Upload } from '../../metadata.ts';
import { failedBefore, nothingArrived, sameAs } from './completion-failures.ts';
import { isMediaUpload, mediaNotFound, mediaPath, type ReadyMedia } from './media.ts';
import {
  asRefusal,
  deleteReceived,
  type PresignedDetails,
  type PresignedRow,
  presignedDetails,
  refusalIn,
} from './presigned-details.ts';
import { type ArrivalDeps, type Arrived, type Kept, StoreArrivals } from './store-arrivals.ts';
import {
  FileRefused,
  UploadVerifier,
  type Verified,
  type VerifierDeps,
  type VerifierLimits,
} from './verify-upload.ts';

export interface CompleterDeps extends ArrivalDeps, VerifierDeps {
  readonly metadata: Pick<MetadataStore, 'uploads' | 'jobs' | 'settled'>;
  readonly pool: ArrivalDeps['pool'] & VerifierDeps['pool'];
  readonly files: Pick<Files, 'add' | 'get'>;
  readonly now: Clock;
}

/** Only an attacker replaces the bytes this often while they are being checked. */
const maxRounds = 8;

/** Verifies what arrived, probes it and makes it a file. */
export class UploadCompleter {
  readonly #deps: CompleterDeps;
  readonly #verifier: UploadVerifier;
  readonly #arrivals: StoreArrivals;
  readonly #completing = new SharedWork<ReadyMedia>();

  constructor(deps: CompleterDeps, limits: VerifierLimits) {
    this.#deps = deps;
    this.#verifier = new UploadVerifier(deps, limits);
    this.#arrivals = new StoreArrivals(deps);
  }

  /** Safe to call again and by several at once: the library decides who was first. */
  complete(id: string, caller: Caller): Promise<ReadyMedia> {
    return this.#completing.run(`${id} ${caller.owner}`, (joinedError) =>
      this.#complete(id, caller).catch(sameAs(joinedError)),
    );
  }

  async #complete(id: string, caller: Caller): Promise<ReadyMedia> {
    for (let round = 0; round < maxRounds; round++) {
      const upload = await this.#deps.metadata.uploads.get(id);
      if (upload === undefined || upload.state === 'done') {
        return this.#completedBefore(id, caller, upload);
      }
      if (!mayComplete(upload, caller)) {
        throw mediaNotFound();
      }
      const row = { upload, details: presignedDetails(upload) };
      if (upload.state === 'failed' && !(await this.#arrivals.hasNew(row))) {
        // Two calls at once get one answer: a call that began before the failure gets the same
        // reason as the call that failed.
        throw round > 0 ? refusalIn(row.details) : failedBefore(row.details);
      }
      const outcome = await this.#attempt(row, caller);
      if (outcome !== 'changed') {
        return outcome;
      }
    }
    throw fail('conflict', { message: 'The file keeps changing while it is being completed.' });
  }

  /**
   * The file of an upload that was completed before; its upload row may be gone by now. Not for
   * strangers who may not list either.
   */
  async #completedBefore(
    id: string,
    { permissions, owner }: Caller,
    upload: Upload | undefined,
  ): Promise<ReadyMedia> {
    const stored = await this.#deps.files.get(id);
    const mayLook =
      permissions.has('list') || permissions.has('manage') || stored?.file.uploader === owner;
    if (stored === undefined || !mayLook) {
      throw mediaNotFound();
    }
    // The caller who completed it may have received a disk failure at the very end.
    await this.#deps.metadata.settled();
    const { warnings = [] } = completed.safeParse(upload?.result).data ?? {};
    return { state: 'ready', stored, warnings };
  }

  /** `changed` when the upload changed meanwhile and has to be looked at again. */
  async #attempt(row: PresignedRow, caller: Caller): Promise<ReadyMedia | 'changed'> {
    const arrived = await this.#arrived(row);
    let verified: Verified;
    try {
      const { received, arrival } = arrived;
      const { details } = row;
      verified = await this.#verifier.verify({ received, details, start: arrival?.start });
    } catch (error) {
      return error instanceof FileRefused
        ? this.#refuse(row, arrived, error.reason)
        : this.#unlessChanged(row.upload, error);
    }
    const kept = await this.#arrivals.copyOutOfReach(row, arrived, verified.contentType);
    if (kept === 'changed') {
      return 'changed';
    }
    const stored = await this.#deps.files.add({
      ...this.#fileOf(row, { ...arrived.received, ...kept }, verified),
      promisedTo: caller.owner,
    });
    if (stored === undefined) {
      await this.#arrivals.discard(kept, row.upload.channelId);
      return 'changed';
    }
    return { state: 'ready', stored, warnings: verified.warnings };
  }

  async #arrived(row: PresignedRow): Promise<Arrived> {
    const { received } = row.details;
    if (received !== null) {
      return { received, arrival: undefined };
    }
    const arrived = await this.#arrivals.find(row);
    if (arrived === undefined) {
      throw nothingArrived(row, this.#deps.now());
    }
    return arrived;
  }

  #fileOf(
    { upload, details }: PresignedRow,
    { addsJobs, ...bytes }: Arrived['received'] & Kept,
    { contentType, facts, sha256, warnings }: Verified,
  ) {
    return {
      id: upload.id,
      bytes: { ...bytes, sha256, channel: this.#deps.pool.byId(bytes.channelId) },
      filename: details.filename,
      contentType,
      ...facts,
      path: mediaPath(upload.id, details.filename, contentType),
      givenOnce: true,
      uploader: upload.owner,
      ip: details.ip,
      addsJobs,
      upload: { id: upload.id, version: upload.version, result: { warnings } },
    };
  }

  /**
   * Marks the upload failed, removes the bytes and throws the reason; after a mere size mismatch
   * the upload stays open for another try.
   */
  async #refuse(
    { upload, details }: PresignedRow,
    { received, arrival }: Arrived,
    reason: StowageError,
  ): Promise<'changed'> {
    const state = reason.code === 'size_mismatch' ? 'open' : 'failed';
    const error = asRefusal(reason);
    const refused = arrival?.version ?? null;
    const failed: PresignedDetails = { ...details, received: null, error, refused };
    const mayComeAnew =
      arrival !== undefined && this.#arrivals.mayComeAnew({ upload, details: failed });
    // What lies at the store's own address makes room for the next try by itself; a removal by a
    // job might hit that one.
    const stays = mayComeAnew || (arrival !== undefined && state === 'open');
    const adds = stays ? [] : deleteReceived(received, this.#deps.now());
    const patch = { state, storageId: null, details: toJson(failed) } as const;
    const { uploads } = this.#deps.metadata;
    const updated = await uploads.update(upload.id, upload.version, patch, { adds });
    if (updated === undefined) {
      return 'changed';
    }
    if (mayComeAnew && state === 'failed') {
      await this.#arrivals.removeRefused({ upload: updated, details: failed });
    }
    throw reason;
  }

  /**
   * Throws the error, unless the bytes were replaced meanwhile: then they may be gone, and an error
   * about them is of no interest any more.
   */
  async #unlessChanged({ id, version }: Upload, error: unknown): Promise<'changed'> {
    const current = await this.#deps.metadata.uploads.get(id);
    if (current?.version === version) {
      throw error;
    }
    return 'changed';
  }
}

const completed = z.object({ warnings: z.array(z.string()) });

function mayComplete(upload: Upload, { owner, permissions }: Caller): boolean {
  return (
    isMediaUpload(upload) &&
    upload.state !== 'aborted' &&
    (upload.owner === owner || permissions.has('manage'))
  );
}
