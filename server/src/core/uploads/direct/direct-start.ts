import type { Caller } from '../../access/access.ts';
import type { DirectPlan, DirectUpload } from '../../channel.ts';
import { type Clock, dayMs } from '../../clock.ts';
import { startsAsUtf8, withCharset } from '../../content-type/charset.ts';
import { extensionFor } from '../../content-type/media-types.ts';
import { sniff } from '../../content-type/sniff.ts';
import { fail } from '../../errors.ts';
import type { Files } from '../../library/files.ts';
import type { MetadataStore } from '../../metadata.ts';
import { type NameMode, nameCandidates } from '../../naming/file-id.ts';
import type { ChannelPool, Choice, ConfiguredChannel } from '../../storage/channel-pool.ts';
import { storageKey } from '../../storage/storage-key.ts';
import { uuidv7 } from '../../uuid.ts';
import { newUpload } from '../new-upload.ts';
import type { OpenUploads } from '../open-uploads.ts';
import { type DirectDetails, directIdOf, readDirect } from './direct-details.ts';
import { mayClaimByHash } from './direct-proof.ts';
import { DirectRefusal } from './direct-refusal.ts';

export interface DirectRequest {
  readonly filename: string;
  readonly contentType: string;
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly sample: Uint8Array;
  readonly choice: Choice;
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

export interface DirectStartOptions {
  /** Of one file. */
  readonly maxUploadBytes: number;
  readonly metadata: MetadataStore;
  readonly pool: ChannelPool;
  readonly files: Pick<Files, 'getByPath'>;
  readonly openUploads: OpenUploads;
  readonly now: Clock;
}

/** Of one call to the store. */
export const callTimeoutMs = 120_000;

/** Step 1: asks the store where the bytes go, and records what may be committed. */
export class DirectStarter {
  readonly #options: DirectStartOptions;

  constructor(options: DirectStartOptions) {
    this.#options = options;
  }

  async start(request: DirectRequest, caller: Caller): Promise<DirectTicket> {
    const { openUploads, now, maxUploadBytes: maxBytes } = this.#options;
    if (request.size > maxBytes) {
      throw fail('too_large', { details: { maxBytes } });
    }
    await openUploads.admit(caller.owner);
    const { channel, direct } = await this.#channelFor(request.choice);
    const at = now();
    const storageId = uuidv7(at);
    const key = storageKey(storageId, extensionFor(request.filename, request.contentType), at);
    const atStore = await startAtStore(direct, key, request);
    const isProofWanted = await this.#wantsProof(atStore, { request, channel, caller });
    // The response must not reveal what the caller may not know.
    const plan = isProofWanted ? { ...atStore, alreadyExists: false } : atStore;
    const details: DirectDetails = {
      ...(await this.#named(request)),
      filePath: plan.filePath,
      storageId,
      key,
      state: plan.state,
      proof: isProofWanted ? 'wanted' : null,
    };
    const id = directIdOf(plan.filePath);
    const expiresAt = at + dayMs;
    const { owner } = caller;
    await openUploads.begin(
      newUpload({
        id,
        kind: 'direct',
        owner,
        channelId: channel.id,
        details,
        read: readDirect,
        createdAt: at,
        expiresAt,
      }),
      request.ip,
    );
    return {
      path: details.path,
      channelName: channel.name,
      repo: direct.repo,
      isPrivate: direct.isPrivate,
      plan,
      proof: isProofWanted ? { uploadId: id, expiresAt } : undefined,
    };
  }

  async #channelFor(
    choice: Choice,
  ): Promise<{ readonly channel: ConfiguredChannel; readonly direct: DirectUpload }> {
    const [candidate] = await this.#options.pool.candidates(choice);
    const channel = candidate?.channel;
    const direct = channel?.channel.direct;
    if (channel === undefined || direct === undefined) {
      throw new DirectRefusal('no_channel');
    }
    return { channel, direct };
  }

  /** The store knows bytes by their hash, which gives no right to them. */
  async #wantsProof(
    { alreadyExists }: DirectPlan,
    of: {
      readonly request: DirectRequest;
      readonly channel: ConfiguredChannel;
      readonly caller: Caller;
    },
  ): Promise<boolean> {
    const claim = { sha256: of.request.sha256, channelId: of.channel.id, caller: of.caller };
    return alreadyExists && !(await mayClaimByHash(claim, this.#options.metadata.files));
  }

  /** The request, with the path and the type that the file gets. */
  async #named({ contentType: declared, sample, choice: _, ...request }: DirectRequest) {
    const { filename, folder, nameMode: mode, size } = request;
    const sniffed = await sniff(sample, { filename, declared });
    const { contentType } = sniffed;
    return {
      ...request,
      path: await this.#freePath(nameCandidates({ mode, filename, contentType, folder })),
      contentType: withCharset(contentType, declared, startsAsUtf8(sample, size)),
    };
  }

  async #freePath(candidates: (attempt: number) => string | undefined): Promise<string> {
    for (let attempt = 0; ; attempt++) {
      const path = candidates(attempt);
      if (path === undefined) {
        throw fail('conflict', { message: 'Too many files of this name.' });
      }
      if ((await this.#options.files.getByPath(path)) === undefined) {
        return path;
      }
    }
  }
}

function startAtStore(
  direct: DirectUpload,
  key: string,
  { contentType, size, sha256, sample }: DirectRequest,
): Promise<DirectPlan> {
  const signal = AbortSignal.timeout(callTimeoutMs);
  return direct.start({ key, contentType, size, sha256, sample, signal });
}
