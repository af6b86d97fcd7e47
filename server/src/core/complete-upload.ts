import type { Caller } from './access.ts';
import { toJson } from './bytes.ts';
import type { ConfiguredChannel } from './channel-pool.ts';
import { fail, isStowageError, type StowageError } from './errors.ts';
import { deleteObjectJob } from './jobs.ts';
import { categoryOf, extensionFor } from './media-types.ts';
import type { Upload } from './metadata.ts';
import { type PresignedDetails, presignedDetails, type Received } from './presigned-details.ts';
import type { Media, PresignedUploadOptions } from './presigned-types.ts';
import { type MediaFacts, type RandomAccess, randomAccess } from './probe.ts';
import { openReplica } from './read-content.ts';
import { sniff } from './sniff.ts';
import { storageIdOf } from './storage-key.ts';

type Ready = Media & { readonly state: 'ready' };

interface Completion {
  readonly id: string;
  readonly caller: Caller;
  readonly options: PresignedUploadOptions;
}

const inspectTimeoutMs = 60_000;
/** Bytes changed under our hands this often only when somebody plays games. */
const maxRounds = 8;

/** Verifies what arrived, probes it and makes it a file. Safe to call again and by several at once: the library decides who was first. */
export async function completeUpload({ id, caller, options }: Completion): Promise<Ready> {
  for (let round = 0; round < maxRounds; round++) {
    const upload = await options.metadata.uploads.get(id);
    if (upload === undefined || !mayComplete(upload, caller)) return finished(id, upload === undefined, options);
    if (upload.state === 'done') return finished(id, true, options);
    const details = presignedDetails(upload);
    if (upload.state === 'failed')
      throw fail('media_failed', {
        message: details.error?.message ?? 'This media failed to process.',
        details: { error_message: details.error?.message },
      });
    if (upload.state === 'aborted') throw notFound();
    const ready = await finish(upload, details, options);
    if (ready !== undefined) return ready;
  }
  throw fail('conflict', { message: 'The file keeps changing while it is being completed.' });
}

function mayComplete(upload: Upload, caller: Caller): boolean {
  if (upload.kind !== 'presigned' && upload.kind !== 'import') return false;
  return upload.owner === caller.owner || caller.permissions.has('manage');
}

/** The file of an upload that was completed before; its upload row may be gone by now. */
async function finished(id: string, visible: boolean, { files }: PresignedUploadOptions): Promise<Ready> {
  const stored = visible ? await files.get(id) : undefined;
  if (stored === undefined) throw notFound();
  return { state: 'ready', stored, warnings: [] };
}

function notFound(): StowageError {
  return fail('not_found', { message: 'Media not found.' });
}

/** One try; undefined when the upload changed meanwhile and has to be looked at again. */
async function finish(upload: Upload, details: PresignedDetails, options: PresignedUploadOptions): Promise<Ready | undefined> {
  const channel = options.pool.byId(upload.channelId);
  const received = details.received ?? (await arrivalAtStore(details, channel));
  if (received === undefined) throw missing(upload, details, options);
  const verdict = await judge({ received, details, channel: options.pool.byId(received.channelId), options });
  if ('error' in verdict) return refuse({ upload, details, received, error: verdict.error, options });
  const stored = await options.files.add({
    id: upload.id,
    bytes: { ...received, sha256: verdict.sha256, channel: options.pool.byId(received.channelId), pendingCleanup: [] },
    filename: details.filename,
    contentType: verdict.contentType,
    path: (attempt) => (attempt === 0 ? mediaPath(upload.id, details.filename, verdict.contentType) : undefined),
    ...verdict.facts,
    uploader: upload.owner,
    ip: details.ip,
    upload: { id: upload.id, version: upload.version, result: { warnings: verdict.warnings } },
  });
  return stored && { state: 'ready', stored, warnings: verdict.warnings };
}

/** Unique by its id, so that it never collides with names that callers choose. */
function mediaPath(id: string, filename: string, contentType: string): string {
  const extension = extensionFor(filename, contentType);
  return `media/${id}.${extension}`;
}

function missing({ id }: Upload, details: PresignedDetails, { now }: PresignedUploadOptions): StowageError {
  const secondsLeft = Math.floor((details.urlExpiresAt - now()) / 1000);
  if (secondsLeft <= 0) return fail('upload_expired');
  return fail('upload_not_received', {
    details: { media_id: id, received: 0, expected: details.declaredSize, expires_in: secondsLeft },
  });
}

async function arrivalAtStore(details: PresignedDetails, { id, channel }: ConfiguredChannel): Promise<Received | undefined> {
  if (details.presign === null || channel.presign === undefined) return undefined;
  const arrival = await channel.presign.head(details.presign.state, { signal: AbortSignal.timeout(inspectTimeoutMs) });
  if (arrival === undefined) return undefined;
  const storageId = storageIdOf(details.presign.key);
  return {
    storageId,
    channelId: id,
    // Nobody read the bytes on their way: the hash is the object's name, unique as the bytes are.
    segments: [{ ref: arrival.ref, size: arrival.size, hash: '' }],
    size: arrival.size,
    hash: storageId.replaceAll('-', ''),
    sha256: null,
    contentType: arrival.contentType ?? details.contentType,
  };
}

interface Judging {
  readonly received: Received;
  readonly details: PresignedDetails;
  readonly channel: ConfiguredChannel;
  readonly options: PresignedUploadOptions;
}

type Verdict =
  | { readonly error: StowageError }
  | {
      readonly contentType: string;
      readonly facts: MediaFacts;
      readonly warnings: readonly string[];
      readonly sha256: string | null;
    };

async function judge({ received, details, channel, options }: Judging): Promise<Verdict> {
  const sizeError = judgeSize(received, details, options.strictSize);
  if (sizeError !== undefined) return { error: sizeError };
  const signal = AbortSignal.timeout(inspectTimeoutMs);
  const content = randomAccess(channel.channel, received.segments, signal);
  const sniffed = await sniff(await content.read(0, 8192), { filename: details.filename, declared: 'application/octet-stream' });
  if (categoryOf(sniffed.contentType) !== details.category || !options.supportedTypes.includes(sniffed.contentType)) {
    return { error: mistyped(details, sniffed.contentType) };
  }
  const facts = await inspect(content, sniffed.contentType, options);
  if ('error' in facts) return facts;
  const sha256 = await verifySha256({ received, details, channel, options });
  if (typeof sha256 === 'object' && sha256 !== null) return sha256;
  return {
    contentType: sniffed.contentType,
    facts: withDeclared(facts, details),
    warnings: warningsOf(received, details, sniffed.contentType),
    sha256,
  };
}

function judgeSize({ size }: Received, { maxBytes, declaredSize }: PresignedDetails, strict: boolean): StowageError | undefined {
  if (size === 0) return fail('empty_file');
  if (size > maxBytes) return fail('too_large', { details: { max_size: maxBytes, received: size } });
  if (strict && declaredSize !== null && declaredSize !== size) {
    return fail('size_mismatch', { details: { declared: declaredSize, received: size } });
  }
  return undefined;
}

function mistyped(details: PresignedDetails, detected: string): StowageError {
  return fail('content_type_mismatch', {
    message: `The file is ${detected}, not the declared ${details.contentType}.`,
    details: { declared: details.contentType, detected },
  });
}

async function inspect(
  content: RandomAccess,
  contentType: string,
  { prober }: PresignedUploadOptions,
): Promise<MediaFacts | { readonly error: StowageError }> {
  try {
    return await prober.inspect(content, contentType);
  } catch (error) {
    if (isStowageError(error, 'invalid_media') || isStowageError(error, 'unprocessable')) return { error };
    throw error;
  }
}

/** Bytes that went straight to the store are read once more, only when the caller asked for the check. */
async function verifySha256({
  received,
  details,
  channel,
  options,
}: Judging): Promise<string | null | { readonly error: StowageError }> {
  if (received.sha256 !== null || details.sha256 === null) return received.sha256;
  const { stream } = await openReplica(channel.channel, received, { signal: AbortSignal.timeout(30 * inspectTimeoutMs) });
  const tapped = options.digests.tap(stream, ['sha256']);
  for await (const _chunk of tapped.source);
  const { sha256 } = await tapped.digests;
  if (sha256 === details.sha256) return details.sha256;
  return {
    error: fail('checksum_mismatch', {
      status: 422,
      details: { algorithm: 'sha256', expected: details.sha256, received: sha256 },
    }),
  };
}

function withDeclared(facts: MediaFacts, details: PresignedDetails): MediaFacts {
  return {
    width: facts.width ?? details.width,
    height: facts.height ?? details.height,
    durationSeconds: facts.durationSeconds ?? details.durationSeconds,
  };
}

function warningsOf(received: Received, details: PresignedDetails, contentType: string): readonly string[] {
  const warnings: string[] = [];
  if (contentType !== details.contentType) warnings.push(`content_type corrected from ${details.contentType} to ${contentType}.`);
  if (details.declaredSize !== null && details.declaredSize !== received.size) {
    warnings.push(`size corrected from ${details.declaredSize} to ${received.size}.`);
  }
  return warnings;
}

interface Refusal {
  readonly upload: Upload;
  readonly details: PresignedDetails;
  readonly received: Received;
  readonly error: StowageError;
  readonly options: PresignedUploadOptions;
}

/** Marks the upload failed and removes the bytes; a mere size mismatch stays open for another try. Undefined when it changed meanwhile. */
async function refuse({ upload, details, received, error, options }: Refusal): Promise<undefined> {
  const state = error.code === 'size_mismatch' ? 'open' : 'failed';
  const failed: PresignedDetails = { ...details, received: null, error: { code: error.code, message: error.message } };
  const adds = received.segments.map((segment) => deleteObjectJob(received.channelId, segment, options.now()));
  const patch = { state, storageId: null, details: toJson(failed) } as const;
  const updated = await options.metadata.uploads.update(upload.id, upload.version, patch, { adds });
  if (updated !== undefined) throw error;
  return undefined;
}
