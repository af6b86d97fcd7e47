import { z } from 'zod';
import { type Json, toJson } from '../bytes.ts';
import type { MetadataStore, NewJob, Upload, UploadPatch } from '../metadata.ts';
import { readableDetails, salvagedDetails } from '../uploads/presigned/presigned-details.ts';
import { removalOf } from '../uploads/presigned/presigned-upload.ts';
import { uuidv7 } from '../uuid.ts';

export const importJob = 'import_url';

const payload = z.object({
  uploadId: z.string(),
  /** The upload's version that the job is about; of any other it has nothing to say. */
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
  readonly patch: UploadPatch;
  /** The try that follows, should this process be gone at `runAt`. */
  readonly attempt: number;
  readonly runAt: number;
  readonly clears?: readonly string[];
}

/**
 * Changes the row and moves the lease along with its version. False when another process has
 * changed the row: then the import is its own.
 */
export async function advance(
  held: HeldImport,
  step: Step,
  { uploads }: Pick<MetadataStore, 'uploads'>,
): Promise<boolean> {
  const { id, version } = held.upload;
  const lease = leaseJob({ uploadId: id, version: version + 1, attempt: step.attempt }, step.runAt);
  const clears = [held.lease.id, ...(step.clears ?? [])];
  const upload = await uploads.update(id, version, step.patch, { adds: [lease], clears });
  if (upload === undefined) {
    return false;
  }
  held.upload = upload;
  held.lease = lease;
  return true;
}

/** Marks it failed, with the message for people, and removes its bytes and its lease. */
export async function giveUp(
  held: HeldImport,
  error: { readonly code: string; readonly message: string },
  {
    metadata: { uploads, jobs },
    at,
  }: { readonly metadata: Pick<MetadataStore, 'uploads' | 'jobs'>; readonly at: number },
): Promise<void> {
  const { upload, lease } = held;
  const details = readableDetails(upload) ?? salvagedDetails(upload);
  const failed = toJson({
    ...details,
    received: null,
    error: { code: error.code, message: error.message },
  });
  const patch = { state: 'failed', storageId: null, details: failed } as const;
  const adds = removalOf(details.received, at);
  const updated = await uploads.update(upload.id, upload.version, patch, {
    adds,
    clears: [lease.id],
  });
  if (updated === undefined) {
    await jobs.done([lease.id]);
  }
}
