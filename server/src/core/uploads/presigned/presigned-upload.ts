import type { Caller } from '../../access/access.ts';
import { type Clock, dayMs } from '../../clock.ts';
import type { MediaCategory } from '../../content-type/media-types.ts';
import type { Files } from '../../library/files.ts';
import type { Log } from '../../log.ts';
import type { MetadataStore, Upload } from '../../metadata.ts';
import type { ChannelPool } from '../../storage/channel-pool.ts';
import { uuidv7 } from '../../uuid.ts';
import { newUpload } from '../new-upload.ts';
import type { OpenUploads } from '../open-uploads.ts';
import { chooseTarget, type PresignRequest, type UploadTarget } from './choose-target.ts';
import { type CompleterDeps, UploadCompleter } from './complete-upload.ts';
import {
  isMediaUpload,
  type Media,
  mediaKinds,
  type PendingMedia,
  pendingMedia,
  type ReadyMedia,
} from './media.ts';
import {
  abortPresign,
  deleteReceived,
  nothingReceived,
  type PresignedDetails,
  type PresignedRow,
  presignedDetails,
  type Received,
  readableRow,
} from './presigned-details.ts';
import { type ReceiveRequest, type ReceiverDeps, UploadReceiver } from './receive-upload.ts';
import type { VerifierLimits } from './verify-upload.ts';

/**
 * Uploads live on after their URL so that a slow transfer can finish and a late `complete` is not
 * punished.
 */
export const uploadGraceMs = dayMs;

export interface PresignedDeps extends ReceiverDeps, CompleterDeps {
  readonly metadata: Pick<MetadataStore, 'uploads' | 'jobs' | 'settled'>;
  readonly pool: Pick<ChannelPool, 'byId' | 'requireRoom' | 'forCategory'>;
  readonly files: Pick<Files, 'add' | 'get'>;
  readonly openUploads: OpenUploads;
  readonly now: Clock;
  readonly log: Log;
}

export interface PresignedLimits extends VerifierLimits {
  readonly urlTtlSeconds: number;
}

export interface StartedUpload extends PresignedRow, Omit<UploadTarget, 'key'> {}

export interface PendingQuery {
  readonly state: PendingMedia['state'];
  readonly category?: MediaCategory | undefined;
  readonly limit: number;
  readonly offset: number;
}

/** Uploads in three steps: start, receive (or straight to the store), complete. */
export class PresignedUploads {
  readonly #deps: PresignedDeps;
  readonly #urlTtlSeconds: number;
  readonly #receiver: UploadReceiver;
  readonly #completer: UploadCompleter;

  constructor(deps: PresignedDeps, limits: PresignedLimits) {
    this.#deps = deps;
    this.#urlTtlSeconds = limits.urlTtlSeconds;
    this.#receiver = new UploadReceiver(deps, limits);
    this.#completer = new UploadCompleter(deps, limits);
  }

  async start(request: PresignRequest, { owner }: Pick<Caller, 'owner'>): Promise<StartedUpload> {
    const { openUploads, pool, now } = this.#deps;
    await openUploads.admit(owner);
    const at = now();
    const channels = await pool.forCategory(request.category, request.size ?? 0);
    const ttlSeconds = this.#urlTtlSeconds;
    const chosen = await chooseTarget(request, channels, { at, ttlSeconds });
    const details = detailsOf(request, chosen, now() + ttlSeconds * 1000);
    const upload = newUpload({
      id: uuidv7(at),
      kind: 'presigned',
      owner,
      channelId: chosen.channel.id,
      details,
      read: presignedDetails,
      category: details.category,
      expectedBytes: details.declaredSize ?? 0,
      createdAt: now(),
      expiresAt: details.urlExpiresAt + uploadGraceMs,
    });
    await openUploads.begin(upload, request.ip);
    return { upload, details, channel: chosen.channel, target: chosen.target };
  }

  /**
   * Takes the bytes of an upload from the relay. The last complete transfer before `complete` wins.
   */
  receive(request: ReceiveRequest): Promise<Received> {
    return this.#receiver.receive(request);
  }

  /** Idempotent; two at once get the same answer. */
  complete(id: string, caller: Caller): Promise<ReadyMedia> {
    return this.#completer.complete(id, caller);
  }

  async find(id: string): Promise<Media | undefined> {
    const ready = await this.#findReady(id);
    if (ready !== undefined) {
      return ready;
    }
    const upload = await this.#deps.metadata.uploads.get(id);
    // It may have become a file since we looked for one.
    if (upload?.state === 'done') {
      return this.#findReady(id);
    }
    return upload === undefined ? undefined : pendingMedia(upload, this.#deps.log);
  }

  async #findReady(id: string): Promise<ReadyMedia | undefined> {
    const stored = await this.#deps.files.get(id);
    if (stored === undefined) {
      return undefined;
    }
    await this.#deps.metadata.settled();
    return { state: 'ready', stored, warnings: [] };
  }

  async listPending({
    state,
    ...query
  }: PendingQuery): Promise<{ readonly items: readonly Media[]; readonly total: number }> {
    const { items, total } = await this.#deps.metadata.uploads.list({
      ...query,
      kinds: mediaKinds,
      states: [state === 'failed' ? 'failed' : 'open'],
    });
    const pending = items.map((upload) => pendingMedia(upload, this.#deps.log));
    return { items: pending.filter((media) => media !== undefined), total };
  }

  /**
   * Cancels an unfinished upload: running transfers stop, its bytes are removed. False when there
   * is none.
   */
  async cancel(id: string): Promise<boolean> {
    for (;;) {
      const upload = await this.#deps.metadata.uploads.get(id);
      if (upload === undefined || !isMediaUpload(upload) || upload.state === 'done') {
        return false;
      }
      if (await this.#remove(upload)) {
        return true;
      }
    }
  }

  /** Removes an upload that is past its time. False when it changed meanwhile. */
  removeExpired(upload: Upload): Promise<boolean> {
    return this.#remove(upload);
  }

  #remove(upload: Upload): Promise<boolean> {
    const { metadata, now } = this.#deps;
    this.#receiver.stop(upload.id);
    const row = readableRow(upload);
    const jobs =
      upload.state === 'done'
        ? []
        : [...deleteReceived(row.details.received, now()), ...abortPresign(row, now())];
    return metadata.uploads.remove(upload.id, upload.version, jobs);
  }
}

function detailsOf(
  { size, direct: _, ...request }: PresignRequest,
  { key, target }: UploadTarget,
  expiresAt: number,
): PresignedDetails {
  return {
    ...request,
    ...nothingReceived,
    declaredSize: size,
    urlExpiresAt: target?.expiresAt ?? expiresAt,
    presign: target === undefined ? null : { key, state: target.state },
    sourceUrl: null,
  };
}
