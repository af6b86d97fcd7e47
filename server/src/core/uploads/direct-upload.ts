import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Access, Caller } from '../access/access.ts';
import { type ByteSource, type Json, toJson } from '../bytes.ts';
import type { DirectPlan, DirectUpload } from '../channel.ts';
import { type Clock, dayMs } from '../clock.ts';
import { startsAsUtf8, withCharset } from '../content-type/charset.ts';
import { extensionFor } from '../content-type/media-types.ts';
import { sniff } from '../content-type/sniff.ts';
import { fail } from '../errors.ts';
import type { Files } from '../library/files.ts';
import type { MetadataStore, NewJob, StoredFile, Upload } from '../metadata.ts';
import {
  displayName,
  isGivenOnce,
  type NameMode,
  nameCandidates,
  nameModes,
} from '../naming/file-id.ts';
import type { ChannelPool, ConfiguredChannel } from '../storage/channel-pool.ts';
import { deleteObjectJob } from '../storage/cleanup-jobs.ts';
import { storageKey } from '../storage/storage-key.ts';
import type { DigestService } from '../streams/digests.ts';
import { uuidv7 } from '../uuid.ts';
import { mayClaimByHash, type Naming, notArrived, proveBytes } from './direct-proof.ts';
import { newUpload } from './new-upload.ts';
import type { OpenUploads } from './open-uploads.ts';
import { salvage } from './salvage.ts';

const details = z.object({
  path: z.string(),
  filePath: z.string(),
  storageId: z.string(),
  key: z.string(),
  filename: z.string(),
  contentType: z.string(),
  folder: z.string(),
  nameMode: z.enum(nameModes),
  size: z.number(),
  sha256: z.string(),
  ip: z.string().nullable(),
  state: z.custom<Json>(() => true),
  /**
   * The store already had the bytes, from another caller: this caller must send them here once to
   * prove that they have them too.
   */
  proof: z.enum(['wanted', 'given']).nullable().default(null),
});
type DirectDetails = Readonly<z.infer<typeof details>>;

export interface DirectRequest {
  readonly filename: string;
  readonly contentType: string;
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly sample: Uint8Array;
  readonly channelName: string | undefined;
  readonly folder: string;
  readonly nameMode: NameMode;
  readonly ip: string | null;
}

export interface DirectTicket {
  /** Path that the file gets if it is still free when committed. */
  readonly path: string;
  readonly channelName: string;
  readonly repo: string;
  readonly isPrivate: boolean;
  readonly plan: DirectPlan;
  /** Where the bytes go instead of the store, which has them: to `receive`, under this id. */
  readonly proof: { readonly uploadId: string; readonly expiresAt: number } | undefined;
}

export interface DirectCommit {
  readonly path: string;
  readonly filePath: string;
  readonly sha256: string;
  readonly size: number;
}

/**
 * Upload API 3: the client uploads to the store by itself. What step 1 issued is all that step 3
 * can commit.
 */
export interface DirectUploads {
  start(request: DirectRequest, caller: Caller): Promise<DirectTicket>;
  commit(
    request: DirectCommit,
    caller: Caller,
  ): Promise<{ readonly stored: StoredFile; readonly url: string }>;
  /** Takes the bytes of an upload whose ticket wants a proof: to look at, not to keep. */
  receive(uploadId: string, source: ByteSource): Promise<void>;
  /** Passes a browser's completion of the store's multipart upload on. */
  completeMultipart(
    channelId: string,
    target: string,
    body: Json,
    signal: AbortSignal,
  ): Promise<Json>;
  channelId(name: string): string;
  removeExpired(upload: Upload): Promise<boolean>;
}

export interface DirectUploadOptions {
  /** Largest file. */
  readonly maxUploadBytes: number;
  readonly metadata: MetadataStore;
  readonly pool: ChannelPool;
  readonly files: Files;
  readonly access: Pick<Access, 'mayUpload'>;
  readonly openUploads: OpenUploads;
  readonly digests: DigestService;
  readonly now: Clock;
}

const callTimeoutMs = 120_000;

export function createDirectUploads({
  metadata,
  pool,
  files,
  access,
  openUploads,
  digests,
  now,
  maxUploadBytes,
}: DirectUploadOptions): DirectUploads {
  const directChannel = async (
    name: string | undefined,
  ): Promise<{ channel: ConfiguredChannel; direct: DirectUpload }> => {
    const [candidate] = await pool.candidates({ group: 'huggingface', name, fallback: false });
    const direct = candidate?.channel?.channel.direct;
    if (!candidate?.channel || !direct) {
      throw fail('bad_request', { message: 'No HuggingFace channel configured' });
    }
    return { channel: candidate.channel, direct };
  };
  const refuseTooLarge = (size: number): void => {
    if (size > maxUploadBytes) {
      throw fail('too_large', { details: { maxBytes: maxUploadBytes } });
    }
  };
  const freePath = async (candidates: (attempt: number) => string | undefined): Promise<string> => {
    for (let attempt = 0; ; attempt++) {
      const path = candidates(attempt);
      if (path === undefined) {
        throw fail('conflict', { message: 'Too many files of this name.' });
      }
      if ((await files.getByPath(path)) === undefined) {
        return path;
      }
    }
  };

  /** The store knows bytes by their hash, which gives no right to them. */
  const wantsProof = async ({ alreadyExists }: DirectPlan, naming: Naming): Promise<boolean> =>
    alreadyExists && !(await mayClaimByHash(naming, metadata.files));
  /** Bytes that came to the library after the ticket was given are not the caller's by that. */
  const isProven = async ({ proof }: DirectDetails, naming: Naming): Promise<boolean> => {
    if (proof !== null) {
      return proof === 'given';
    }
    return (
      (await mayClaimByHash(naming, metadata.files)) ||
      !(await metadata.files.holdsSha256(naming.sha256))
    );
  };

  const issuedTo = async (
    request: DirectCommit,
    caller: Caller,
  ): Promise<{ upload: Upload; known: DirectDetails }> => {
    const upload = await metadata.uploads.get(uploadId(request.filePath));
    const known = issued(upload, request, caller);
    if (upload !== undefined && known !== undefined) {
      return { upload, known };
    }
    throw fail('insufficient_scope', {
      message: 'No matching upload URL was issued to this caller. Call getUploadUrl first.',
    });
  };
  /** False when it has been committed meanwhile: then the file that is there is its own. */
  const mayCommit = async (
    upload: Upload,
    known: DirectDetails,
    caller: Caller,
  ): Promise<boolean> => {
    if (!(await access.mayUpload(caller.owner))) {
      throw fail('unauthorized');
    }
    if (await isProven(known, { sha256: known.sha256, channelId: upload.channelId, caller })) {
      return true;
    }
    if ((await metadata.uploads.get(upload.id))?.state === 'done') {
      return false;
    }
    throw notArrived();
  };

  return {
    async start(request, caller) {
      refuseTooLarge(request.size);
      await openUploads.admit(caller.owner);
      const { channel, direct } = await directChannel(request.channelName);
      const at = now();
      const storageId = uuidv7(at);
      const key = storageKey(storageId, extensionFor(request.filename, request.contentType), at);
      const atStore = await direct.start({
        key,
        contentType: request.contentType,
        size: request.size,
        sha256: request.sha256,
        sample: request.sample,
        signal: AbortSignal.timeout(callTimeoutMs),
      });
      const isProofWanted = await wantsProof(atStore, {
        sha256: request.sha256,
        channelId: channel.id,
        caller,
      });
      // The response must not reveal what the caller may not know.
      const plan = isProofWanted ? { ...atStore, alreadyExists: false } : atStore;
      const sniffed = await sniff(request.sample, {
        filename: request.filename,
        declared: request.contentType,
      });
      const { nameMode, filename, folder, ip, size, sha256 } = request;
      const path = await freePath(
        nameCandidates({ mode: nameMode, filename, contentType: sniffed.contentType, folder }),
      );
      const known: DirectDetails = {
        ...{
          path,
          filePath: plan.filePath,
          storageId,
          key,
          filename,
          folder,
          nameMode,
          ip,
          size,
          sha256,
        },
        contentType: withCharset(
          sniffed.contentType,
          request.contentType,
          startsAsUtf8(request.sample, size),
        ),
        state: plan.state,
        proof: isProofWanted ? 'wanted' : null,
      };
      const id = uploadId(known.filePath);
      await openUploads.begin(
        newUpload({
          id,
          kind: 'direct',
          owner: caller.owner,
          channelId: channel.id,
          details: known,
          read: (upload) => details.parse(upload.details),
          createdAt: at,
          expiresAt: at + dayMs,
        }),
        ip,
      );
      const proof = isProofWanted ? { uploadId: id, expiresAt: at + dayMs } : undefined;
      return {
        path,
        channelName: channel.name,
        repo: direct.repo,
        isPrivate: direct.isPrivate,
        plan,
        proof,
      };
    },

    async commit(request, caller) {
      refuseTooLarge(request.size);
      const id = uploadId(request.filePath);
      for (;;) {
        const { upload, known } = await issuedTo(request, caller);
        if (upload.state === 'done') {
          return committedBefore(upload, { files, metadata });
        }
        if (!(await mayCommit(upload, known, caller))) {
          continue;
        }
        const channel = pool.byId(upload.channelId);
        const { direct } = channel.channel;
        if (direct === undefined) {
          throw fail('service_unavailable');
        }
        const put = await direct.commit(known.state, {
          signal: AbortSignal.timeout(callTimeoutMs),
        });
        const fileId = uuidv7(now());
        const stored = await files.add({
          id: fileId,
          bytes: {
            storageId: known.storageId,
            channel,
            segments: [{ ref: put.ref, size: put.size, hash: '' }],
            size: put.size,
            hash: known.sha256,
            sha256: known.sha256,
            pendingCleanup: [],
          },
          filename: displayName(known.filename),
          contentType: known.contentType,
          path: startingWith(known.path, nameCandidates({ ...known, mode: known.nameMode })),
          givenOnce: isGivenOnce(known.nameMode),
          uploader: caller.token?.id ?? null,
          promisedTo: caller.owner,
          ip: known.ip,
          upload: { id, version: upload.version, result: { fileId, url: put.url } },
        });
        if (stored !== undefined) {
          return { stored, url: put.url };
        }
      }
    },

    async receive(id, source) {
      const wanted = async () => {
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
        return { upload, known: details.parse(upload.details) };
      };
      const { known } = await wanted();
      await proveBytes(source, known, digests);
      for (;;) {
        const { upload, known: current } = await wanted();
        const patch = { details: toJson({ ...current, proof: 'given' }) };
        if ((await metadata.uploads.update(id, upload.version, patch)) !== undefined) {
          return;
        }
      }
    },

    async completeMultipart(channelId, target, body, signal) {
      const { direct } = pool.byId(channelId).channel;
      if (direct === undefined) {
        throw fail('not_found');
      }
      return direct.completeMultipart(target, body, { signal });
    },

    channelId: (name) => {
      const found = pool
        .all()
        .find((channel) => channel.group === 'huggingface' && channel.name === name);
      if (found === undefined) {
        throw fail('not_found');
      }
      return found.id;
    },

    removeExpired: (upload) =>
      metadata.uploads.remove(upload.id, upload.version, orphanJobs(upload, pool, now())),
  };
}

/**
 * Found again by what the client repeats; the file path holds a fresh id, so it cannot be guessed.
 */
function uploadId(filePath: string): string {
  return `direct_${createHash('sha256').update(filePath).digest('hex')}`;
}

function issued(
  upload: Upload | undefined,
  request: DirectCommit,
  caller: Caller,
): DirectDetails | undefined {
  if (upload === undefined || upload.kind !== 'direct' || upload.owner !== caller.owner) {
    return undefined;
  }
  const known = details.safeParse(upload.details).data;
  if (known === undefined) {
    return undefined;
  }
  const same =
    known.path === request.path &&
    known.filePath === request.filePath &&
    known.sha256 === request.sha256 &&
    known.size === request.size;
  return same ? known : undefined;
}

/** A crash between the commit at the store and ours leaves a file there that belongs to no link. */
function orphanJobs(upload: Upload, pool: ChannelPool, at: number): readonly NewJob[] {
  if (upload.state === 'done') {
    return [];
  }
  const channel = pool.all().find(({ id }) => id === upload.channelId);
  const key = salvage(upload, 'key', details.shape.key);
  const ref = key === undefined ? undefined : channel?.channel.locate?.(key);
  // Not before a commit that is under way right now has ended.
  return ref === undefined ? [] : [deleteObjectJob(upload.channelId, { ref }, at + callTimeoutMs)];
}

async function committedBefore(
  upload: Upload,
  { files, metadata }: Pick<DirectUploadOptions, 'files' | 'metadata'>,
): Promise<{ readonly stored: StoredFile; readonly url: string }> {
  const { fileId, url } = upload.result as { fileId: string; url: string };
  const stored = await files.get(fileId);
  if (stored === undefined) {
    throw fail('not_found', { message: 'The file was deleted.' });
  }
  await metadata.settled();
  return { stored, url };
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
