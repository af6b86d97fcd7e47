import { z } from 'zod';
import type { Caller } from '../../access/access.ts';
import { toJson } from '../../bytes.ts';
import { extensionFor, typeOfName } from '../../content-type/media-types.ts';
import { fail, type StowageError } from '../../errors.ts';
import type { Upload } from '../../metadata.ts';
import { deleteObjectJob } from '../../storage/cleanup-jobs.ts';
import {
  asRefusal,
  type PresignedDetails,
  presignedDetails,
  type Received,
  refusalIn,
} from './presigned-details.ts';
import type { Media, PresignedUploadOptions } from './presigned-types.ts';
import {
  type Arrived,
  arrivalAtStore,
  arrivedAnew,
  copyOutOfReach,
  discardKept,
  mayComeAnew,
  removeRefused,
} from './store-arrival.ts';
import { verify } from './verify-upload.ts';

type Ready = Media & { readonly state: 'ready' };

interface Completion {
  readonly id: string;
  readonly caller: Caller;
  readonly options: PresignedUploadOptions;
}

/** Only an attacker replaces the bytes this often while they are being checked. */
const maxRounds = 8;

/**
 * Verifies what arrived, probes it and makes it a file. Safe to call again and by several at once:
 * the library decides who was first.
 */
export async function completeUpload({ id, caller, options }: Completion): Promise<Ready> {
  for (let round = 0; round < maxRounds; round++) {
    const upload = await options.metadata.uploads.get(id);
    if (upload === undefined || upload.state === 'done') {
      return finished({ id, caller, options }, upload);
    }
    if (!mayComplete(upload, caller) || upload.state === 'aborted') {
      throw notFound();
    }
    const details = presignedDetails(upload);
    const anew =
      upload.state === 'failed' ? await arrivedAnew(upload, details, options) : undefined;
    // Two calls at once get one answer: a call that began before the failure gets the same reason
    // as the call that failed.
    if (upload.state === 'failed' && anew === undefined) {
      throw round > 0 ? refusalIn(details) : failedBefore(details);
    }
    const ready = await finish({ upload, details, caller, options });
    if (ready !== undefined) {
      return ready;
    }
  }
  throw fail('conflict', { message: 'The file keeps changing while it is being completed.' });
}

/**
 * Bytes that were replaced meanwhile may be gone, and whatever went wrong with them is of no
 * interest any more: look again.
 */
function unlessChanged(
  { id, version }: Upload,
  { metadata }: PresignedUploadOptions,
): (error: unknown) => Promise<undefined> {
  return async (error) => {
    const current = await metadata.uploads.get(id);
    if (current?.version === version) {
      throw error;
    }
    return undefined;
  };
}

function mayComplete(upload: Upload, caller: Caller): boolean {
  if (upload.kind !== 'presigned' && upload.kind !== 'import') {
    return false;
  }
  return upload.owner === caller.owner || caller.permissions.has('manage');
}

/**
 * The file of an upload that was completed before; its upload row may be gone by now. Not for
 * strangers who may not list either.
 */
async function finished(
  { id, caller, options }: Completion,
  upload: Upload | undefined,
): Promise<Ready> {
  const stored = await options.files.get(id);
  const { permissions, owner } = caller;
  const mayLook =
    permissions.has('list') || permissions.has('manage') || stored?.file.uploader === owner;
  if (stored === undefined || !mayLook) {
    throw notFound();
  }
  // The caller who completed it may have received a disk failure at the very end.
  await options.metadata.settled();
  return {
    state: 'ready',
    stored,
    warnings: warningsIn.safeParse(upload?.result).data?.warnings ?? [],
  };
}

const warningsIn = z.object({ warnings: z.array(z.string()) });

function failedBefore({ error }: PresignedDetails): StowageError {
  return fail('media_failed', {
    ...(error && { message: error.message, details: { errorMessage: error.message } }),
  });
}

function notFound(): StowageError {
  return fail('not_found', { message: 'Media not found.' });
}

interface Finishing extends Pick<Completion, 'caller' | 'options'> {
  readonly upload: Upload;
  readonly details: PresignedDetails;
}

/** One try; undefined when the upload changed meanwhile and has to be looked at again. */
async function finish({ upload, details, caller, options }: Finishing): Promise<Ready | undefined> {
  const arrived =
    details.received === null ? await arrivalAtStore(upload, details, options) : undefined;
  const received = details.received ?? arrived?.received;
  if (received === undefined) {
    throw missing(upload, details, options);
  }
  const channel = options.pool.byId(received.channelId);
  const verdict = await verify({
    received,
    start: arrived?.arrival.start,
    details,
    channel,
    options,
  }).catch(unlessChanged(upload, options));
  if (verdict === undefined) {
    return undefined;
  }
  if ('error' in verdict) {
    return refuse({ upload, details, received, arrived, error: verdict.error, options });
  }
  const kept =
    arrived &&
    (await copyOutOfReach({ upload, arrived, contentType: verdict.contentType, channel, options }));
  if (arrived !== undefined && kept === undefined) {
    return undefined;
  }
  const stored = await options.files.add({
    id: upload.id,
    bytes: {
      ...received,
      ...kept,
      sha256: verdict.sha256,
      channel,
      pendingCleanup: kept?.pendingCleanup ?? [],
    },
    filename: details.filename,
    contentType: verdict.contentType,
    path: (attempt) =>
      attempt === 0 ? mediaPath(upload.id, details.filename, verdict.contentType) : undefined,
    givenOnce: true,
    ...verdict.facts,
    uploader: upload.owner,
    promisedTo: caller.owner,
    ip: details.ip,
    addsJobs: kept?.addsJobs ?? [],
    upload: { id: upload.id, version: upload.version, result: { warnings: verdict.warnings } },
  });
  if (stored === undefined && kept !== undefined) {
    await discardKept(kept, channel, options);
  }
  return stored && { state: 'ready', stored, warnings: verdict.warnings };
}

/**
 * Unique by its id, so that it never collides with names that callers choose. Its extension is one
 * of the type that the bytes have.
 */
export function mediaPath(id: string, filename: string, contentType: string): string {
  const extension = extensionFor(typeOfName(filename) === contentType ? filename : '', contentType);
  return `media/${id}.${extension}`;
}

function missing(
  { id, kind }: Upload,
  details: PresignedDetails,
  { now }: PresignedUploadOptions,
): StowageError {
  if (kind === 'import') {
    return fail('import_in_progress');
  }
  const secondsLeft = Math.floor((details.urlExpiresAt - now()) / 1000);
  if (secondsLeft <= 0) {
    return fail('upload_expired');
  }
  return fail('upload_not_received', {
    details: {
      mediaId: id,
      received: 0,
      expected: details.declaredSize,
      expiresInSeconds: secondsLeft,
    },
  });
}

interface Refusal {
  readonly upload: Upload;
  readonly details: PresignedDetails;
  readonly received: Received;
  readonly arrived: Arrived | undefined;
  readonly error: StowageError;
  readonly options: PresignedUploadOptions;
}

/**
 * Marks the upload failed and removes the bytes; a mere size mismatch stays open for another try.
 * Undefined when it changed meanwhile.
 */
async function refuse({
  upload,
  details,
  received,
  arrived,
  error,
  options,
}: Refusal): Promise<undefined> {
  const state = error.code === 'size_mismatch' ? 'open' : 'failed';
  const refused = arrived?.arrival.version ?? null;
  const failed: PresignedDetails = { ...details, received: null, error: asRefusal(error), refused };
  const again = arrived !== undefined && mayComeAnew(upload, failed, options);
  // What lies at the store's own address makes room for the next try by itself; a removal by a job
  // might hit that one.
  const stays = again || (arrived !== undefined && state === 'open');
  const adds = (stays ? [] : received.segments).map((segment) =>
    deleteObjectJob(received.channelId, segment, options.now()),
  );
  const patch = { state, storageId: null, details: toJson(failed) } as const;
  const updated = await options.metadata.uploads.update(upload.id, upload.version, patch, { adds });
  if (updated === undefined) {
    return undefined;
  }
  if (again && state === 'failed') {
    await removeRefused(updated, failed, options);
  }
  throw error;
}
