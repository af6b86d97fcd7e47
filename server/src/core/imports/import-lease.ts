import { z } from 'zod';
import { type Json, toJson } from '../bytes.ts';
import type { Clock } from '../clock.ts';
import type { MetadataStore, NewJob, Upload, UploadPatch } from '../metadata.ts';
import { deleteReceived, readableRow } from '../uploads/presigned/presigned-details.ts';
import { uuidv7 } from '../uuid.ts';

export const importJob = 'import_url';

const payload = z.object({
  uploadId: z.string(),
  /** The upload's version that the job is about; for any other version the job is void. */
  version: z.number(),
  /** Which try it is, from 1. */
  attempt: z.number(),
});

export type LeasePayload = Readonly<z.infer<typeof payload>>;

export function readLease(json: Json): LeasePayload {
  return payload.parse(json);
}

/** Runs when it was not renewed by `runAt`: then the import is resumed. */
export function leaseJob(lease: LeasePayload, runAt: number): NewJob {
  return { id: uuidv7(), kind: importJob, payload: { ...lease }, runAt };
}

/** An import that this process works on. */
export interface HeldImport {
  upload: Upload;
  lease: NewJob;
  readonly attempt: number;
}

interface Step {
  readonly patch?: UploadPatch | undefined;
  /** The try that follows, should this process be gone after `waitMs`. */
  readonly attempt: number;
  readonly waitMs: number;
  readonly clears?: readonly string[] | undefined;
}

export interface LeasesDeps {
  readonly metadata: Pick<MetadataStore, 'uploads' | 'jobs'>;
  readonly now: Clock;
}

/**
 * Leases of imports: jobs that come due when the process that holds them is gone. The row's version
 * locks that process out.
 */
export class ImportLeases {
  readonly #deps: LeasesDeps;
  readonly #leaseMs: number;

  constructor(deps: LeasesDeps, leaseMs: number) {
    this.#deps = deps;
    this.#leaseMs = leaseMs;
  }

  /** How long a lease lasts that is not renewed. */
  get durationMs(): number {
    return this.#leaseMs;
  }

  /** A lease that lasts from now on; the caller writes it. */
  create(lease: LeasePayload): NewJob {
    return leaseJob(lease, this.#deps.now() + this.#leaseMs);
  }

  async add(lease: NewJob): Promise<void> {
    await this.#deps.metadata.jobs.add([lease]);
  }

  /** Takes over an import whose lease came due. Undefined when another process was faster. */
  async take(upload: Upload, attempt: number): Promise<HeldImport | undefined> {
    const { id, version } = upload;
    const lease = this.create({ uploadId: id, version: version + 1, attempt: attempt + 1 });
    const { uploads } = this.#deps.metadata;
    const taken = await uploads.update(id, version, {}, { adds: [lease] });
    return taken && { upload: taken, lease, attempt };
  }

  async renew({ lease }: HeldImport): Promise<void> {
    const { metadata, now } = this.#deps;
    await metadata.jobs.retry(lease.id, now() + this.#leaseMs, 'The import is under way.');
  }

  /**
   * Changes the row and moves the lease along with its version. False when another process has
   * changed the row: then the import is its own.
   */
  async advance(
    held: HeldImport,
    { patch = {}, attempt, waitMs, clears = [] }: Step,
  ): Promise<boolean> {
    const { metadata, now } = this.#deps;
    const { id, version } = held.upload;
    const lease = leaseJob({ uploadId: id, version: version + 1, attempt }, now() + waitMs);
    const upload = await metadata.uploads.update(id, version, patch, {
      adds: [lease],
      clears: [held.lease.id, ...clears],
    });
    if (upload === undefined) {
      return false;
    }
    held.upload = upload;
    held.lease = lease;
    return true;
  }

  /** Leaves the next try to the job runner that comes first. */
  async release(held: HeldImport, attempt: number, waitMs: number): Promise<void> {
    if (!(await this.advance(held, { attempt, waitMs }))) {
      await this.end(held);
    }
  }

  /** Marks the import failed, with the message for people, and removes its bytes and its lease. */
  async giveUp(
    held: HeldImport,
    { code, message }: { readonly code: string; readonly message: string },
  ): Promise<void> {
    const { metadata, now } = this.#deps;
    const { upload, details } = readableRow(held.upload);
    const failed = { ...details, received: null, error: { code, message } };
    const patch = { state: 'failed', storageId: null, details: toJson(failed) } as const;
    const updated = await metadata.uploads.update(upload.id, upload.version, patch, {
      adds: deleteReceived(details.received, now()),
      clears: [held.lease.id],
    });
    if (updated === undefined) {
      await this.end(held);
    }
  }

  async end({ lease }: Pick<HeldImport, 'lease'>): Promise<void> {
    await this.#deps.metadata.jobs.done([lease.id]);
  }
}
